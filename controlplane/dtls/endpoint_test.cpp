#include "controlplane/dtls/endpoint.hpp"

#include <gtest/gtest.h>

#include <random>

#include "controlplane/dtls/test_link.hpp"

namespace sluice::dtls {
namespace {

using test::Datagram;
using test::Datagrams;
using test::Link;

constexpr auto gcm = SrtpProfile::aead_aes_128_gcm;
constexpr auto cm = SrtpProfile::aes128_cm_sha1_80;

TEST(Endpoint, AgreesOnGcmFirst) {
    Link link;
    link.run();
    link.expect_connected();
    EXPECT_EQ(link.server.keys()->profile, gcm);
    EXPECT_EQ(link.server.keys()->local_salt[12] | link.server.keys()->local_salt[13], 0);
    EXPECT_LE(link.sent, 5u);
}

TEST(Endpoint, AgreesOnCmWhenAPeerHasNothingElse) {
    for (bool server_only : {true, false}) {
        Link link(server_only ? ContextOptions{{cm}} : ContextOptions{},
                  server_only ? ContextOptions{} : ContextOptions{{cm}});
        link.run();
        link.expect_connected();
        EXPECT_EQ(link.server.keys()->profile, cm);
    }
}

TEST(Endpoint, LetsTheServersOrderDecide) {
    Link link({{cm, gcm}}, {{gcm, cm}});
    link.run();
    link.expect_connected();
    EXPECT_EQ(link.server.keys()->profile, cm);
}

TEST(Endpoint, FailsWithoutACommonProfile) {
    Link link({{cm}}, {{gcm}});
    link.run();
    EXPECT_EQ(link.server.state(), State::failed);
    EXPECT_EQ(link.server.error(), "the peer has no SRTP profile in common with this server");
    EXPECT_NE(link.client.state(), State::connected);
    EXPECT_FALSE(link.server.keys());
    EXPECT_FALSE(link.client.keys());
}

TEST(Endpoint, FailsWhenTheClientsFingerprintIsAnother) {
    Link link;
    Fingerprints wrong = test::prints_of(link.client_context);
    wrong[0].bytes[31] ^= 1;
    link.server = Endpoint(link.server_context, Role::server, wrong);
    link.run();
    EXPECT_EQ(link.server.state(), State::failed);
    EXPECT_TRUE(link.server.error().starts_with("the peer's certificate does not match the fingerprint"))
        << link.server.error();
    EXPECT_NE(link.server.error().find(link.client_context.certificate().fingerprint_sha256()), std::string::npos);
    EXPECT_FALSE(link.server.keys());
    EXPECT_EQ(link.client.state(), State::failed) << "told by an alert";
    EXPECT_NE(link.client.error().find("bad certificate"), std::string::npos) << link.client.error();
}

TEST(Endpoint, FailsWhenTheServersFingerprintIsAnother) {
    Link link;
    link.client = Endpoint(link.client_context, Role::client, test::prints_of(link.client_context));
    link.run();
    EXPECT_EQ(link.client.state(), State::failed);
    EXPECT_TRUE(link.client.error().starts_with("the peer's certificate does not match the fingerprint"))
        << link.client.error();
    EXPECT_NE(link.server.state(), State::connected);
}

TEST(Endpoint, FailsAtOnceWithoutAKnownFingerprint) {
    Link link;
    Endpoint none(link.server_context, Role::server, {});
    EXPECT_EQ(none.state(), State::failed);
    EXPECT_NE(none.error().find("no fingerprint"), std::string::npos);
    none.start();
    none.receive(Datagram{22, 1, 2});
    none.handle_timeout();
    none.close();
    EXPECT_FALSE(none.next_timeout());
    EXPECT_FALSE(none.send(Datagram{1}));
    EXPECT_EQ(none.state(), State::failed);
}

TEST(Endpoint, KeepsEveryDatagramWithinTheMtu) {
    for (std::size_t mtu : {256u, 300u, 500u, 1200u}) {
        Link link({}, {}, mtu);
        link.run();
        link.expect_connected();
        EXPECT_LE(link.largest, mtu);
        ASSERT_LE(link.client.max_payload(), mtu);
        Datagram const full(link.client.max_payload(), 7);
        std::size_t got = 0;
        link.server.on_data([&](ByteView d) { got += d.size(); });
        EXPECT_TRUE(link.client.send(full));
        EXPECT_FALSE(link.client.send(Datagram(full.size() + 1)));
        link.settle();
        EXPECT_EQ(got, full.size());
        EXPECT_LE(link.largest, mtu);
    }
}

TEST(Endpoint, CarriesDataBothWaysOnceConnected) {
    Link link;
    EXPECT_FALSE(link.client.send(Datagram{1}));
    link.run();
    Datagram at_server;
    Datagram at_client;
    link.server.on_data([&](ByteView d) { at_server.assign(d.begin(), d.end()); });
    link.client.on_data([&](ByteView d) { at_client.assign(d.begin(), d.end()); });
    EXPECT_TRUE(link.client.send(Datagram{1, 2, 3}));
    EXPECT_TRUE(link.server.send(Datagram{4, 5}));
    EXPECT_FALSE(link.server.send({}));
    link.settle();
    EXPECT_EQ(at_server, (Datagram{1, 2, 3}));
    EXPECT_EQ(at_client, (Datagram{4, 5}));
}

TEST(Endpoint, TellsThePeerThatItCloses) {
    Link link;
    link.run();
    link.server.close();
    EXPECT_EQ(link.server.state(), State::closed);
    link.settle();
    EXPECT_EQ(link.client.state(), State::closed);
    EXPECT_TRUE(link.client.error().empty());
    EXPECT_FALSE(link.client.send(Datagram{1}));
}

TEST(Endpoint, ClosesWhileConnecting) {
    Link link;
    link.client.start();
    link.client.close();
    EXPECT_EQ(link.client.state(), State::closed);
    EXPECT_FALSE(link.client.next_timeout());
}

TEST(Endpoint, IgnoresAndCountsGarbage) {
    Link link;
    std::mt19937 random(7);
    std::uint64_t garbage = 0;
    link.tamper = [&](Datagrams batch) {
        Datagrams out;
        for (Datagram& d : batch) {
            for (int n = 0; n < 20; ++n) {
                Datagram noise(random() % 1400);
                for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
                // In the range that the demultiplexer gives to DTLS.
                if (!noise.empty()) noise[0] = static_cast<std::uint8_t>(20 + random() % 44);
                out.push_back(noise);
                ++garbage;
            }
            out.push_back(std::move(d));
        }
        return out;
    };
    link.run();
    link.expect_connected();
    EXPECT_EQ(link.server.counters().datagrams_ignored + link.client.counters().datagrams_ignored, garbage);
}

TEST(Endpoint, IsNotEndedByTruncatedCopies) {
    Link link;
    link.tamper = [&](Datagrams batch) {
        Datagrams out;
        for (Datagram& d : batch) {
            for (std::size_t n = 0; n < d.size(); n += 1 + d.size() / 40)
                out.emplace_back(d.begin(), d.begin() + static_cast<std::ptrdiff_t>(n));
            out.push_back(std::move(d));
        }
        return out;
    };
    link.run();
    link.expect_connected();
}

// A ClientHello in two fragments, as browsers with post-quantum key shares send it.
Datagrams split_first_message(const Datagram& hello) {
    constexpr std::size_t headers = 13 + 12;
    std::size_t const body = hello.size() - headers;
    std::size_t const cut = body / 2;
    auto part = [&](std::size_t from, std::size_t to, std::uint8_t sequence) {
        Datagram out(hello.begin(), hello.begin() + headers);
        out[10] = sequence;
        out[11] = static_cast<std::uint8_t>((12 + to - from) >> 8);
        out[12] = static_cast<std::uint8_t>(12 + to - from);
        out[13 + 7] = static_cast<std::uint8_t>(from >> 8);
        out[13 + 8] = static_cast<std::uint8_t>(from);
        out[13 + 10] = static_cast<std::uint8_t>((to - from) >> 8);
        out[13 + 11] = static_cast<std::uint8_t>(to - from);
        out.insert(out.end(), hello.begin() + static_cast<std::ptrdiff_t>(headers + from),
                   hello.begin() + static_cast<std::ptrdiff_t>(headers + to));
        return out;
    };
    // Record numbers that the client itself does not reach, within the replay window.
    return {part(0, cut, 40), part(cut, body, 41)};
}

TEST(Endpoint, ReassemblesAClientHelloInEitherOrder) {
    for (bool reversed : {false, true}) {
        Link link;
        bool first = true;
        link.tamper = [&](Datagrams batch) {
            if (!std::exchange(first, false)) return batch;
            Datagrams parts = split_first_message(batch.at(0));
            if (reversed) std::swap(parts[0], parts[1]);
            return parts;
        };
        link.run();
        link.expect_connected();
        EXPECT_EQ(link.elapsed_ns, 0) << "no timer was needed";
    }
}

TEST(Endpoint, BoundsItsOutputs) {
    Link link;
    link.client.start();
    Datagram const hello = test::drain(link.client).at(0);
    link.server.receive(hello);
    for (int n = 0; n < 500; ++n) {
        test::advance_clock(2'000'000'000);
        link.server.handle_timeout();
        link.server.receive(hello);
    }
    EXPECT_LE(test::drain(link.server).size(), 32u);
}

TEST(Endpoint, OutlivesItsContextAndMoves) {
    auto context = std::make_unique<Context>(test::make_context());
    Endpoint a(*context, Role::client, test::prints_of(*context));
    context.reset();
    Endpoint b = std::move(a);
    b.start();
    EXPECT_EQ(test::drain(b).size(), 1u);
}

TEST(Context, RefusesAnEmptyProfileList) {
    auto const context = Context::create(test::make_certificate(), {.profiles = {}});
    ASSERT_FALSE(context);
    EXPECT_EQ(context.error().message, "DTLS-SRTP needs at least one SRTP profile");
}

}  // namespace
}  // namespace sluice::dtls
