#include "controlplane/dtls/remnant.hpp"

#include <gtest/gtest.h>

#include "controlplane/dtls/test_link.hpp"

namespace sluice::dtls {
namespace {

using test::Datagram;
using test::Link;
using Says = Remnant::Says;

TEST(Remnant, IsOfAConnectedEndpointOnly) {
    Link link;
    EXPECT_FALSE(link.server.release());
    link.run();
    EXPECT_TRUE(link.server.release());
    EXPECT_EQ(link.server.state(), State::closed);
    EXPECT_FALSE(link.server.next_timeout());
    EXPECT_FALSE(link.server.release());
}

TEST(Remnant, ReadsTheCloseOfItsPeerAndOfNobodyElse) {
    for (bool of_server : {true, false}) {
        Link link, other;
        link.run();
        other.run();
        Endpoint& released = of_server ? link.server : link.client;
        Endpoint& peer = of_server ? link.client : link.server;
        const auto remnant = released.release();
        (of_server ? other.client : other.server).close();
        for (const Datagram& d : test::drain(of_server ? other.client : other.server))
            EXPECT_EQ(remnant->read(d), Says::nothing);
        peer.close();
        const auto close = test::drain(peer);
        ASSERT_EQ(close.size(), 1u);
        for (std::size_t i = 0; i < close[0].size(); ++i) {
            Datagram changed = close[0];
            changed[i] ^= 1;
            EXPECT_NE(remnant->read(changed), Says::closed) << i;
            EXPECT_EQ(remnant->read(ByteView(close[0]).first(i)), Says::nothing) << i;
        }
        EXPECT_EQ(remnant->read(close[0]), Says::closed);
    }
}

TEST(Remnant, ItsFarewellIsUnderstoodByThePeer) {
    Link link;
    link.run();
    const auto remnant = link.server.release();
    link.client.receive(remnant->farewell());
    EXPECT_EQ(link.client.state(), State::closed);
}

// RFC 6347 section 4.2.4: our last flight was lost, and the one who has it is no longer the library.
TEST(Remnant, ALateFinishedIsAnsweredWithTheKeptFlight) {
    Link link;
    link.client.start();
    link.carry(link.client, link.server);
    link.carry(link.server, link.client);
    link.carry(link.client, link.server);
    ASSERT_EQ(link.server.state(), State::connected);
    const auto flight = test::drain(link.server);  // lost
    const auto remnant = link.server.release();
    ASSERT_EQ(link.client.state(), State::connecting);
    for (int turn = 0; turn < 2; ++turn) {
        test::advance_clock(link.client.next_timeout().value());
        link.client.handle_timeout();
        const auto again = test::drain(link.client);
        ASSERT_FALSE(again.empty());
        EXPECT_EQ(remnant->read(again.front()), Says::repeats_its_flight);
    }
    for (const Datagram& d : flight) link.client.receive(d);
    EXPECT_EQ(link.client.state(), State::connected) << link.client.error();
    EXPECT_EQ(link.client.keys()->local_key, link.server.keys()->remote_key);
    link.client.receive(remnant->farewell());
    EXPECT_EQ(link.client.state(), State::closed) << "the farewell is sealed behind the flight";
}

TEST(Remnant, OfNothingSaysNothing) {
    Link link;
    link.run();
    link.client.close();
    EXPECT_EQ(Remnant{}.read(test::drain(link.client).front()), Says::nothing);
    EXPECT_TRUE(Remnant{}.farewell().empty());
}

}  // namespace
}  // namespace sluice::dtls
