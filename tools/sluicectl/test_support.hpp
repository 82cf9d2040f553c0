// Shared by this folder's tests: a fake data plane and a fake admin socket, each on a thread of its own, and the command
// line run in process against them.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/dpclient/fake_data_plane.hpp"
#include "tools/sluicectl/cli.hpp"
#include "tools/sluicectl/outcome.hpp"
#include "tools/sluicectl/test_admin.hpp"

namespace sluice::ctl {

// Runs from start() to stop(); in between only its own thread touches it, but for counters, which are plain shared memory.
class DataPlaneThread {
public:
    explicit DataPlaneThread(const std::string& path) : plane_(io_, options(path)) {
        plane_.boot();
        plane_.segment().start_unix_ns = 1;
    }
    ~DataPlaneThread() { stop(); }
    dpclient::FakeDataPlane& plane() { return plane_; }
    // `beat` runs every few milliseconds, as the workers of a living data plane would.
    void start(std::function<void(dpclient::FakeDataPlane&)> beat = {}) {
        thread_ = std::jthread([this, beat = std::move(beat)](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                io_.restart();
                io_.run_for(std::chrono::milliseconds(2));
                if (beat) beat(plane_);
            }
        });
    }
    void stop() {
        if (!thread_.joinable()) return;
        thread_.request_stop();
        thread_.join();
    }

private:
    static dpclient::FakeDataPlaneOptions options(const std::string& path) {
        dpclient::FakeDataPlaneOptions o;
        o.path = path;
        return o;
    }
    boost::asio::io_context io_;
    dpclient::FakeDataPlane plane_;
    std::jthread thread_;
};

struct Ran {
    int exit = -1;
    std::string out, err;
    [[nodiscard]] boost::json::object json() const {
        boost::system::error_code error;
        const auto value = boost::json::parse(out, error);
        EXPECT_FALSE(error) << out;
        return value.is_object() ? value.as_object() : boost::json::object{};
    }
};

class CtlTest : public ::testing::Test {
protected:
    CtlTest() {
        char pattern[] = "/tmp/sluicectl-test-XXXXXX";
        dir = ::mkdtemp(pattern);
    }
    ~CtlTest() override { std::filesystem::remove_all(dir); }

    [[nodiscard]] std::string control() const { return dir + "/dataplane.sock"; }
    [[nodiscard]] std::string admin_path() const { return dir + "/controlplane.sock"; }
    std::string file(const std::string& name, const std::string& text) const {
        std::ofstream(dir + '/' + name) << text;
        return dir + '/' + name;
    }
    // With the sockets of this test, short waits, and no terminal.
    Ran ctl(std::vector<std::string> arguments) const {
        std::ostringstream out, err;
        const std::vector<std::string> common{"--control-socket", control(), "--interval", "0.05", "--timeout", "1"};
        arguments.insert(arguments.begin(), common.begin(), common.end());
        Ran ran;
        ran.exit = run(std::move(arguments), out, err, {});
        ran.out = out.str();
        ran.err = err.str();
        return ran;
    }

    std::string dir;
};

}  // namespace sluice::ctl
