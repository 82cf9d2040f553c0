// Handshakes over a link that loses, repeats and reorders, under a clock that the tests move.
#include <gtest/gtest.h>

#include <random>

#include "controlplane/dtls/test_link.hpp"

namespace sluice::dtls {
namespace {

using test::Datagram;
using test::Datagrams;
using test::Link;

// Drops the datagrams whose place in the whole conversation is in `lost`.
auto drop(std::vector<std::size_t> lost) {
    return [lost = std::move(lost), at = std::size_t{0}](Datagrams batch) mutable {
        Datagrams out;
        for (Datagram& d : batch)
            if (std::ranges::find(lost, at++) == lost.end()) out.push_back(std::move(d));
        return out;
    };
}

TEST(EndpointTimer, UsesTheClockOfTheTest) {
    Link link;
    int const before = test::clock_reads();
    link.client.start();
    EXPECT_GT(test::clock_reads(), before);
    EXPECT_EQ(link.client.next_timeout(), 80'000'000);
    test::advance_clock(30'000'000);
    EXPECT_EQ(link.client.next_timeout(), 50'000'000);
    link.client.handle_timeout();
    EXPECT_EQ(link.client.counters().timeouts, 0u) << "too early";
}

TEST(EndpointTimer, DoublesFrom80MillisecondsTo1600) {
    Link link;
    link.client.start();
    std::vector<std::int64_t> waits;
    for (int n = 0; n < 7; ++n) {
        std::int64_t const wait = link.client.next_timeout().value();
        waits.push_back(wait / 1'000'000);
        test::advance_clock(wait);
        link.client.handle_timeout();
    }
    EXPECT_EQ(waits, (std::vector<std::int64_t>{80, 160, 320, 640, 1280, 1600, 1600}));
    EXPECT_EQ(test::drain(link.client).size(), 8u);
}

TEST(EndpointTimer, GivesUpOnASilentPeer) {
    Link link;
    link.client.start();
    for (int n = 0; n < 20 && link.client.state() == State::connecting; ++n) {
        test::advance_clock(link.client.next_timeout().value());
        link.client.handle_timeout();
    }
    EXPECT_EQ(link.client.state(), State::failed);
    EXPECT_TRUE(link.client.error().starts_with("the peer does not answer")) << link.client.error();
    EXPECT_FALSE(link.client.next_timeout());
}

TEST(EndpointTimer, IsNotHeldUpWhenTheClockIsSetBack) {
    Link link;
    link.client.start();
    test::advance_clock(-3'600'000'000'000);
    EXPECT_LE(link.client.next_timeout().value(), 1'600'000'000);
}

TEST(EndpointTimer, StopsWhenConnected) {
    Link link;
    link.run();
    EXPECT_FALSE(link.client.next_timeout());
    EXPECT_FALSE(link.server.next_timeout());
}

// With the default MTU a conversation is 4 flights of one datagram; with 300 bytes, about a dozen datagrams.
TEST(EndpointLoss, RecoversFromTheLossOfAnyDatagram) {
    for (std::size_t mtu : {300u, 1200u}) {
        Link whole({}, {}, mtu);
        whole.run();
        ASSERT_GE(whole.sent, 4u);
        for (std::size_t lost = 0; lost < whole.sent; ++lost) {
            Link link({}, {}, mtu);
            link.tamper = drop({lost});
            link.run();
            link.expect_connected();
            EXPECT_LE(link.elapsed_ns, 80'000'000) << "datagram " << lost << " of MTU " << mtu;
        }
    }
}

TEST(EndpointLoss, RecoversFromTheLossOfAnyTwo) {
    for (std::size_t a = 0; a < 6; ++a)
        for (std::size_t b = a + 1; b < 7; ++b) {
            Link link;
            link.tamper = drop({a, b});
            link.run();
            link.expect_connected();
        }
}

TEST(EndpointLoss, AnswersLateRetransmissionsAfterConnected) {
    Link link;
    link.client.start();
    link.carry(link.client, link.server);
    link.carry(link.server, link.client);
    link.carry(link.client, link.server);
    ASSERT_EQ(link.server.state(), State::connected);
    ASSERT_FALSE(test::drain(link.server).empty()) << "the last flight, lost here";
    for (int n = 0; n < 3; ++n) {
        ASSERT_EQ(link.client.state(), State::connecting);
        test::advance_clock(link.client.next_timeout().value());
        link.client.handle_timeout();
        link.carry(link.client, link.server);
        if (n < 2) ASSERT_FALSE(test::drain(link.server).empty()) << n;
    }
    link.settle();
    link.expect_connected();
}

TEST(EndpointLoss, StandsRepeatedDatagrams) {
    for (std::size_t mtu : {300u, 1200u}) {
        Link link({}, {}, mtu);
        link.tamper = [](Datagrams batch) {
            Datagrams out;
            for (const Datagram& d : batch) out.insert(out.end(), 3, d);
            return out;
        };
        link.run();
        link.expect_connected();
    }
}

TEST(EndpointLoss, StandsReorderedDatagrams) {
    for (std::size_t mtu : {256u, 300u, 500u}) {
        Link link({}, {}, mtu);
        link.tamper = [](Datagrams batch) {
            std::ranges::reverse(batch);
            return batch;
        };
        link.run();
        link.expect_connected();
    }
}

TEST(EndpointLoss, SurvivesALinkThatDoesEverything) {
    int connected = 0;
    for (unsigned seed = 0; seed < 100; ++seed) {
        Link link({}, {}, seed % 2 ? 300 : 1200);
        std::mt19937 random(seed);
        link.tamper = [&](Datagrams batch) {
            Datagrams out;
            for (Datagram& d : batch) {
                if (random() % 100 < 20) continue;
                if (random() % 100 < 20) out.push_back(d);
                out.push_back(std::move(d));
            }
            std::ranges::shuffle(out, random);
            return out;
        };
        link.run();
        connected += link.server.state() == State::connected && link.client.state() == State::connected;
    }
    EXPECT_EQ(connected, 100);
}

}  // namespace
}  // namespace sluice::dtls
