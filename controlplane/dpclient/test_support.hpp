// Shared by this folder's tests: a fake data plane, a client and the loop that both live on.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "controlplane/dpclient/client.hpp"
#include "controlplane/dpclient/fake_data_plane.hpp"

namespace sluice::dpclient {

inline constexpr abi::TransportId t1{0x11}, t2{0x12}, t3{0x13};
inline constexpr abi::SourceId s1{0x21}, s2{0x22};
inline constexpr abi::LegId l1{0x31}, l2{0x32};

inline abi::TransportSpec transport(abi::TransportId id) {
    abi::TransportSpec spec;
    spec.id = id;
    spec.tx_key.key.fill(0x77);
    return spec;
}
inline abi::SourceSpec source(abi::SourceId id, abi::TransportId on) {
    abi::SourceSpec spec;
    spec.id = id;
    spec.transport = on;
    spec.kind = abi::MediaKind::video;
    return spec;
}
inline abi::LegSpec leg(abi::LegId id, abi::SourceId from, abi::TransportId on) {
    abi::LegSpec spec;
    spec.id = id;
    spec.source = from;
    spec.transport = on;
    spec.kind = abi::MediaKind::video;
    spec.ssrc = 1000;
    spec.clock_rate = 90'000;
    spec.start_index = 100;
    spec.rtx_start_index = 200;
    return spec;
}
inline abi::FlowAddress flow(std::uint16_t port) {
    abi::FlowAddress f;
    f.remote_ip[15] = 9;
    f.remote_port = port;
    return f;
}

class ClientTest : public ::testing::Test {
protected:
    ClientTest() {
        char pattern[] = "/tmp/dpclient-test-XXXXXX";
        dir_ = ::mkdtemp(pattern);
        options_.path = dir_ + "/control";
    }
    ~ClientTest() override {
        client.reset();
        plane.reset();
        std::filesystem::remove_all(dir_);
    }

    void boot() {
        plane = std::make_unique<FakeDataPlane>(io, options_);
        plane->boot();
    }
    ClientOptions client_options() {
        ClientOptions o;
        o.path = options_.path;
        o.retry = std::chrono::milliseconds(5);
        return o;
    }
    void start(ClientOptions o) {
        handlers.on_synced = [this](const ResyncReport& r) { reports.push_back(r); };
        handlers.on_fenced = [this] { ++fenced; };
        client = std::make_unique<Client>(io, program, std::move(o), handlers);
        client->start();
    }
    void start() { start(client_options()); }
    // Runs the loop until `done`; false after five seconds.
    bool until(const std::function<bool()>& done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds(20));
        }
        return true;
    }
    bool synced(std::size_t times = 1) {
        return until([&] { return reports.size() >= times && client->synced(); });
    }
    // Everything that is under way has arrived.
    void settle() {
        for (int i = 0; i < 3; ++i) {
            io.restart();
            io.run_for(std::chrono::milliseconds(5));
        }
    }
    // Applies and waits for the answer.
    ApplyResult apply() {
        std::optional<ApplyResult> result;
        client->apply([&](ApplyResult r) { result = r; });
        EXPECT_TRUE(until([&] { return result.has_value(); }));
        return result.value_or(ApplyResult{abi::Status::malformed, 0});
    }
    void program_a_viewer() {
        program.upsert(transport(t1));
        program.upsert(transport(t2));
        program.upsert(source(s1, t1));
        program.upsert(leg(l1, s1, t2));
        program.upsert(Blob{7, 1, 2, 3, {1, 2, 3}});
    }

    std::string dir_;
    FakeDataPlaneOptions options_{};
    boost::asio::io_context io;
    std::unique_ptr<FakeDataPlane> plane;
    Program program;
    ClientHandlers handlers;
    std::unique_ptr<Client> client;
    std::vector<ResyncReport> reports;
    int fenced = 0;
};

}  // namespace sluice::dpclient
