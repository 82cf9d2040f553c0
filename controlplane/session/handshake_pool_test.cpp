#include "controlplane/session/handshake_pool.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <optional>

namespace sluice::session {
namespace {

using namespace std::chrono_literals;
using dtls::Role;

std::shared_ptr<dtls::Context> identity() {
    return std::make_shared<dtls::Context>(*dtls::Context::create(*dtls::Certificate::generate(1'800'000'000)));
}
dtls::Fingerprints prints_of(const dtls::Context& c) {
    return {dtls::parse_fingerprint("sha-256 " + c.certificate().fingerprint_sha256()).value()};
}
abi::FlowAddress flow(std::uint16_t port) {
    abi::FlowAddress f;
    f.remote_port = port;
    return f;
}

class HandshakePoolTest : public ::testing::Test {
protected:
    void make(unsigned threads) {
        pool.emplace(threads, [this] {
            const std::lock_guard lock(mutex);
            ++wakes;
            woken.notify_one();
        });
    }
    // Blocks for results, as the io thread's loop would.
    std::vector<HandshakeResult> results() {
        std::unique_lock lock(mutex);
        if (!woken.wait_for(lock, 10s, [this] { return wakes > 0; })) return {};
        wakes = 0;
        lock.unlock();
        return pool->take();
    }
    HandshakeSpec spec(const dtls::Context& peer) const { return {server, Role::server, prints_of(peer), 1200, {}}; }

    std::shared_ptr<dtls::Context> server = identity(), client = identity();
    std::mutex mutex;
    std::condition_variable woken;
    int wakes = 0;
    std::optional<HandshakePool> pool;
};

// The peers of a crowd, on this thread.
struct Client {
    explicit Client(dtls::Context& own, const dtls::Context& server) : endpoint(own, Role::client, prints_of(server)) {
        endpoint.start();
    }
    dtls::Endpoint endpoint;
    std::optional<dtls::SrtpKeys> server_keys;
    dtls::Remnant remnant;
    std::vector<std::uint16_t> ports;  // that our outputs went to
};

TEST_F(HandshakePoolTest, ShakesHandsWithACrowdOnSeveralThreadsAndFreesEachWhenItIsDone) {
    make(3);
    constexpr std::uint64_t crowd = 40;
    std::map<std::uint64_t, Client> clients;
    const auto send = [&](std::uint64_t id) {
        std::vector<std::uint8_t> datagram;
        while (clients.at(id).endpoint.take_output(datagram))
            pool->receive(abi::TransportId{id}, datagram, flow(static_cast<std::uint16_t>(id)));
    };
    for (std::uint64_t id = 1; id <= crowd; ++id) {
        clients.try_emplace(id, *client, *server);
        pool->begin(abi::TransportId{id}, spec(*client));
        send(id);
    }
    for (std::size_t done = 0; done < crowd;) {
        auto led = results();
        ASSERT_FALSE(led.empty());
        for (HandshakeResult& r : led) {
            const auto id = static_cast<std::uint64_t>(r.session);
            Client& c = clients.at(id);
            ASSERT_EQ(r.error, "");
            for (const Output& out : r.outputs) {
                EXPECT_EQ(out.flow.remote_port, id);
                c.endpoint.receive(out.datagram);
            }
            send(id);
            if (!r.keys) continue;
            ++done;
            EXPECT_EQ(c.endpoint.state(), dtls::State::connected);
            EXPECT_EQ(c.endpoint.keys()->local_key, r.keys->remote_key);
            c.endpoint.close();
            std::vector<std::uint8_t> close;
            ASSERT_TRUE(c.endpoint.take_output(close));
            EXPECT_EQ(r.remnant.read(close), dtls::Remnant::Says::closed);
        }
    }
    EXPECT_EQ(pool->counters().begun, crowd);
    EXPECT_EQ(pool->counters().dropped, 0u);
}

TEST_F(HandshakePoolTest, RepeatsAFlightThatIsNotAnswered) {
    make(1);
    Client c(*client, *server);
    pool->begin(abi::TransportId{7}, spec(*client));
    std::vector<std::uint8_t> hello;
    ASSERT_TRUE(c.endpoint.take_output(hello));
    pool->receive(abi::TransportId{7}, hello, flow(1));
    const auto first = results();
    ASSERT_EQ(first.size(), 1u);
    const auto again = results();
    ASSERT_FALSE(again.empty());
    EXPECT_GE(again.front().outputs.size(), first.front().outputs.size());  // the library then sends a message each
}

TEST_F(HandshakePoolTest, OurOwnFirstFlightGoesWhereTheSpecSays) {
    make(1);
    HandshakeSpec ours = spec(*client);
    ours.role = Role::client;
    ours.flow = flow(77);
    pool->begin(abi::TransportId{1}, ours);
    const auto led = results();
    ASSERT_EQ(led.size(), 1u);
    ASSERT_FALSE(led.front().outputs.empty());
    EXPECT_EQ(led.front().outputs.front().flow.remote_port, 77);
}

TEST_F(HandshakePoolTest, SaysWhyOneFailed) {
    make(1);
    Client c(*client, *server);
    pool->begin(abi::TransportId{3}, spec(*server));  // expects another certificate
    std::string error;
    std::vector<std::uint8_t> datagram;
    while (error.empty()) {
        while (c.endpoint.take_output(datagram)) pool->receive(abi::TransportId{3}, datagram, flow(1));
        const auto led = results();
        ASSERT_FALSE(led.empty());
        for (const HandshakeResult& r : led) {
            error = r.error;
            for (const Output& out : r.outputs) c.endpoint.receive(out.datagram);
        }
    }
    EXPECT_NE(error.find("does not match the fingerprint"), std::string::npos) << error;
}

TEST_F(HandshakePoolTest, WhatWasForgottenSaysNothingMore) {
    make(1);
    Client c(*client, *server), other(*client, *server);
    std::vector<std::uint8_t> hello, other_hello;
    ASSERT_TRUE(c.endpoint.take_output(hello));
    ASSERT_TRUE(other.endpoint.take_output(other_hello));
    pool->begin(abi::TransportId{1}, spec(*client));
    pool->forget(abi::TransportId{1});
    pool->receive(abi::TransportId{1}, hello, flow(1));
    pool->receive(abi::TransportId{9}, hello, flow(1));  // never begun
    pool->begin(abi::TransportId{2}, spec(*client));
    pool->receive(abi::TransportId{2}, other_hello, flow(2));
    const auto led = results();
    ASSERT_EQ(led.size(), 1u);
    EXPECT_EQ(led.front().session, abi::TransportId{2});
}

TEST_F(HandshakePoolTest, EndsWithHandshakesUnderWay) {
    make(2);
    for (std::uint64_t id = 1; id <= 50; ++id) {
        Client c(*client, *server);
        std::vector<std::uint8_t> hello;
        ASSERT_TRUE(c.endpoint.take_output(hello));
        pool->begin(abi::TransportId{id}, spec(*client));
        pool->receive(abi::TransportId{id}, hello, flow(1));
    }
    pool.reset();
}

TEST_F(HandshakePoolTest, SizesItselfByTheMachine) {
    make(0);
    EXPECT_EQ(pool->threads(), HandshakePool::default_threads());
    EXPECT_GE(pool->threads(), 1u);
    EXPECT_LE(pool->threads(), HandshakePool::max_threads);
}

}  // namespace
}  // namespace sluice::session
