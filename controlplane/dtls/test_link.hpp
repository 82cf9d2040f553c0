// Two endpoints in memory with a link between them that a test may tamper with, datagram by datagram.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "controlplane/dtls/endpoint.hpp"
#include "controlplane/dtls/test_clock.hpp"

namespace sluice::dtls::test {

using Datagram = std::vector<std::uint8_t>;
using Datagrams = std::vector<Datagram>;

inline constexpr std::int64_t now_unix = 1'800'000'000;

inline Certificate make_certificate() {
    return Certificate::generate(now_unix).value();
}
inline Context make_context(ContextOptions options = {}) {
    return Context::create(make_certificate(), std::move(options)).value();
}
inline Fingerprints prints_of(const Context& context) {
    return {parse_fingerprint("sha-256 " + context.certificate().fingerprint_sha256()).value()};
}
inline Datagrams drain(Endpoint& endpoint) {
    Datagrams out;
    for (Datagram d; endpoint.take_output(d);) out.push_back(d);
    return out;
}

class Link {
public:
    explicit Link(ContextOptions for_server = {}, ContextOptions for_client = {}, std::size_t mtu = 1200)
        : server_context(make_context(std::move(for_server))),
          client_context(make_context(std::move(for_client))),
          server(server_context, Role::server, prints_of(client_context), mtu),
          client(client_context, Role::client, prints_of(server_context), mtu) {}

    // Carries what waits in one direction, a batch at a time, through `tamper`.
    bool carry(Endpoint& from, Endpoint& to) {
        Datagrams batch = drain(from);
        if (batch.empty()) return false;
        for (const Datagram& d : batch) largest = std::max(largest, d.size());
        sent += batch.size();
        if (tamper) batch = tamper(std::move(batch));
        for (const Datagram& d : batch) to.receive(d);
        return true;
    }

    // Until both sides are quiet and no timer runs; timers fire when nothing else is left to do.
    void run() {
        client.start();
        settle();
    }
    void settle() {
        for (int round = 0; round < 200; ++round) {
            bool const to_server = carry(client, server);
            bool const to_client = carry(server, client);
            if (to_server || to_client) continue;
            auto earliest = std::min(client.next_timeout().value_or(INT64_MAX), server.next_timeout().value_or(INT64_MAX));
            if (earliest == INT64_MAX) return;
            advance_clock(earliest);
            elapsed_ns += earliest;
            for (Endpoint* endpoint : {&client, &server})
                if (endpoint->next_timeout() == 0) endpoint->handle_timeout();
        }
        FAIL() << "the handshake does not come to rest";
    }
    void expect_connected() {
        EXPECT_EQ(server.state(), State::connected) << server.error();
        EXPECT_EQ(client.state(), State::connected) << client.error();
        auto const ours = server.keys();
        auto const theirs = client.keys();
        ASSERT_TRUE(ours && theirs);
        EXPECT_EQ(ours->profile, theirs->profile);
        EXPECT_EQ(ours->local_key, theirs->remote_key);
        EXPECT_EQ(ours->local_salt, theirs->remote_salt);
        EXPECT_EQ(ours->remote_key, theirs->local_key);
        EXPECT_EQ(ours->remote_salt, theirs->local_salt);
        EXPECT_NE(ours->local_key, ours->remote_key);
    }

    Context server_context;
    Context client_context;
    Endpoint server;
    Endpoint client;
    std::function<Datagrams(Datagrams)> tamper;
    std::size_t largest = 0;
    std::size_t sent = 0;
    std::int64_t elapsed_ns = 0;
};

}  // namespace sluice::dtls::test
