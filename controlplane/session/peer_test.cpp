#include "controlplane/session/peer.hpp"

#include <gtest/gtest.h>

#include "controlplane/ice/test_peer.hpp"

namespace sluice::session {
namespace {

const Endpoint ours = ice::test::at("10.0.0.1", 7882);

abi::FlowAddress flow_from(const char* address) {
    abi::FlowAddress f;
    f.remote_ip = IpAddress::parse(address)->bytes;
    f.remote_port = 4000;
    f.local_ip = ours.address.bytes;
    f.local_port = ours.port;
    return f;
}

class PeerTest : public ::testing::Test {
protected:
    PeerTest()
        : server(std::make_shared<dtls::Context>(*dtls::Context::create(*dtls::Certificate::generate(1'800'000'000)))),
          browser(*dtls::Context::create(*dtls::Certificate::generate(1'800'000'000))),
          client(browser, dtls::Role::client, prints_of(*server)),
          peer(server, state(), {ours}, 0) {}
    static dtls::Fingerprints prints_of(const dtls::Context& c) {
        return {dtls::parse_fingerprint("sha-256 " + c.certificate().fingerprint_sha256()).value()};
    }
    SessionState state() const {
        SessionState s;
        s.local = ice::test::server;
        s.remote = ice::test::peer;
        s.fingerprints = prints_of(browser);
        return s;
    }
    PeerResult check() { return peer.receive_stun(ice::test::Check{.use_candidate = true}.build(), flow, 0); }
    std::vector<std::vector<std::uint8_t>> from_client() {
        std::vector<std::vector<std::uint8_t>> out;
        for (std::vector<std::uint8_t> d; client.take_output(d);) out.push_back(d);
        return out;
    }
    // Until our side has its keys; the last flight is not delivered.
    PeerResult shake() {
        Handshake handshake(abi::TransportId{1}, peer.take_handshake());
        client.start();
        for (int turn = 0; turn < 4; ++turn) {
            for (const auto& datagram : from_client()) {
                auto led = handshake.receive(datagram, flow);
                if (!led) continue;
                PeerResult result = peer.handshake_led_to(std::move(*led));
                if (result.keys) return result;
                for (const Output& out : result.outputs) client.receive(out.datagram);
            }
        }
        ADD_FAILURE() << "no keys";
        return {};
    }

    abi::FlowAddress flow = flow_from("192.0.2.7");
    std::shared_ptr<dtls::Context> server;
    dtls::Context browser;
    dtls::Endpoint client;
    Peer peer;
};

TEST_F(PeerTest, TheFirstValidCheckBeginsTheHandshakeOnce) {
    EXPECT_EQ(peer.phase(), PeerPhase::checking);
    PeerResult first = check();
    EXPECT_TRUE(first.begin_handshake);
    EXPECT_TRUE(first.path_changed);
    EXPECT_TRUE(peer.handshaking());
    ASSERT_EQ(first.outputs.size(), 1u);
    EXPECT_TRUE(first.outputs.front().answers_check);
    EXPECT_FALSE(check().begin_handshake);
}

TEST_F(PeerTest, ALateFinishedIsAnsweredOnceTheKeysAreInPlaceAndNotForEver) {
    (void)check();
    const PeerResult connected = shake();
    ASSERT_TRUE(connected.keys);
    ASSERT_FALSE(connected.outputs.empty());
    EXPECT_EQ(peer.phase(), PeerPhase::connected);
    // The client repeats its flight: it has not seen ours.
    client = dtls::Endpoint(browser, dtls::Role::client, prints_of(*server));
    client.start();
    const auto hello = from_client().front();  // stands for any handshake record
    EXPECT_TRUE(peer.receive_dtls(hello, flow).outputs.empty()) << "the keys are not in the data plane yet";
    peer.flight_left();
    const abi::FlowAddress elsewhere = flow_from("192.0.2.8");
    for (int i = 0; i < max_flight_repetitions; ++i) {
        const PeerResult again = peer.receive_dtls(hello, elsewhere);
        ASSERT_EQ(again.outputs.size(), connected.outputs.size()) << i;
        EXPECT_EQ(again.outputs.front().datagram, connected.outputs.front().datagram);
        EXPECT_EQ(again.outputs.front().flow, elsewhere);
        EXPECT_FALSE(again.ended);
    }
    EXPECT_TRUE(peer.receive_dtls(hello, flow).outputs.empty());
}

TEST_F(PeerTest, TheClientsCloseEndsItAndOursIsUnderstood) {
    (void)check();
    const PeerResult connected = shake();
    for (const Output& out : connected.outputs) client.receive(out.datagram);
    ASSERT_EQ(client.state(), dtls::State::connected);
    Peer other = Peer::resume(server, state(), {ours}, flow, 0);  // anything without a remnant
    client.close();
    const auto close = from_client();
    ASSERT_EQ(close.size(), 1u);
    EXPECT_FALSE(other.receive_dtls(close.front(), flow).ended);
    EXPECT_TRUE(peer.receive_dtls(close.front(), flow).ended);
    EXPECT_EQ(peer.phase(), PeerPhase::ended);
}

TEST_F(PeerTest, AConnectedPeersFarewellIsSentAlongItsPath) {
    (void)check();
    const PeerResult connected = shake();
    for (const Output& out : connected.outputs) client.receive(out.datagram);
    const PeerResult closed = peer.close();
    ASSERT_EQ(closed.outputs.size(), 1u);
    EXPECT_EQ(closed.outputs.front().flow, flow);
    client.receive(closed.outputs.front().datagram);
    EXPECT_EQ(client.state(), dtls::State::closed);
}

TEST_F(PeerTest, WhatAHandshakeLedToAfterItsPeerEndedChangesNothing) {
    (void)check();
    (void)peer.close();
    HandshakeResult late;
    late.keys.emplace();
    const PeerResult result = peer.handshake_led_to(std::move(late));
    EXPECT_FALSE(result.keys);
    EXPECT_EQ(peer.phase(), PeerPhase::ended);
}

TEST_F(PeerTest, GivesUpAfterThirtySeconds) {
    EXPECT_FALSE(peer.tick(handshake_timeout_ns - 1).ended);
    const PeerResult over = peer.tick(handshake_timeout_ns);
    EXPECT_TRUE(over.ended);
    EXPECT_EQ(over.reason, "no connectivity check came within 30 s");
}

}  // namespace
}  // namespace sluice::session
