// Test support: a whole sluice-load in this process against the fake SFU, driven by its commands as a script would. Nothing
// here waits for a time: it waits until the fake has done, or sluice-load has seen, enough, so that a machine that stands
// still changes nothing but how long it takes.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tools/load/fake_sfu.hpp"
#include "tools/load/swarm.hpp"

namespace sluice::loadgen::test {

namespace json = boost::json;
using namespace std::chrono_literals;

inline constexpr auto hung = 30s;  // a test that waits for longer than that has failed; nothing else depends on it

inline std::uint64_t number(const json::object& o, std::string_view key) {
    return o.at(key).to_number<std::uint64_t>();
}
inline double real(const json::object& o, std::string_view key) {
    return o.at(key).to_number<double>();
}

inline std::atomic<bool> standing_still = false;
inline void stand_still_longer_than_anybody_waits(int) {
    standing_still = true;
    const timespec pause{2, 200'000'000};
    ::nanosleep(&pause, nullptr);
}

// A swarm on a thread of its own. Everybody has joined when it is made.
class Session {
public:
    using Condition = std::function<bool(const json::object& status)>;

    explicit Session(FakeSfu& sfu, const std::vector<std::string>& more = {}) : sfu_(sfu) {
        std::vector<std::string> arguments{"--url",     "http://127.0.0.1:" + std::to_string(sfu.http_port()),
                                           "--seconds", "0",
                                           "--json",    "--consent-interval",
                                           "0.1",       "--keyframe-interval-s",
                                           "0",         "--linger",
                                           "600"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto usage = parse_options(arguments, options_);
        EXPECT_FALSE(usage) << usage->text;
        world_ = make_world(options_).value();
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, commands_);
        int output[2];
        EXPECT_EQ(::pipe(output), 0);
        output_ = UniqueFd(output[0]);
        out_ = ::fdopen(output[1], "w");
        swarm_ = std::make_unique<Swarm>(*world_, out_);
        thread_ = std::thread([this] { exit_code_ = swarm_->run(commands_[1], -1); });
        const json::object joined = event("joined");
        EXPECT_EQ(number(joined, "viewers_connected"), options_.viewers) << json::serialize(joined);
    }
    ~Session() {
        if (thread_.joinable()) {
            command("quit");
            command("quit");
            thread_.join();
        }
        std::fclose(out_);
        ::close(commands_[0]);
        ::close(commands_[1]);
    }
    void command(const std::string& line) {
        const std::string text = line + '\n';
        ASSERT_EQ(::write(commands_[0], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    // The next line of that event, after whatever comes before it.
    json::object event(std::string_view name) {
        while (true) {
            json::object line = json::parse(read_line()).as_object();
            if (line.at("event").as_string() == name) return line;
        }
    }
    json::object ask(const std::string& line) {
        command(line);
        return event(line.substr(0, line.find(' ')));
    }
    // The first status that is as wished.
    json::object until(const Condition& wished) {
        for (const auto end = std::chrono::steady_clock::now() + hung;; std::this_thread::sleep_for(2ms)) {
            json::object status = ask("status");
            if (wished(status)) return status;
            if (std::chrono::steady_clock::now() < end) continue;
            ADD_FAILURE() << "in vain: " << json::serialize(status);
            return status;
        }
    }
    json::object until(std::string_view key, std::uint64_t least) {
        return until([&](const json::object& status) { return number(status, key) >= least; });
    }
    // So many more packets are given to each viewer.
    void stream(std::uint64_t packets) {
        const auto before = sfu_.account().least_given;
        until([&](const json::object&) { return sfu_.account().least_given >= before + packets; });
    }
    // Whatever the publishers sent has come to the SFU, and whatever that sent has come to the viewers.
    bool all_arrived(const json::object& status) {
        const auto account = sfu_.account();
        std::uint64_t seen = 0;
        for (const char* key : {"rtp_received", "duplicates", "auth_failures", "index_reuse", "rebind_lost"})
            seen += number(status, key);
        return account.taken == number(status, "rtp_sent") && account.given == seen;
    }
    // The report of a run that ends when that is true.
    json::object finish(const Condition& complete) {
        at_the_end_ = ask("quit");
        until(complete);
        command("quit");
        json::object report = event("report");
        thread_.join();
        return report;
    }
    json::object finish() {
        return finish([this](const json::object& status) { return all_arrived(status); });
    }
    // The gap that a status gives is the pause that the SFU made, but for how long sluice-load did not look.
    void expect_true_gap(const json::object& status, std::int64_t since_ns = 0) {
        const auto until_ns = status.at("now_ns").to_number<std::int64_t>();
        const auto slack_ns = static_cast<std::int64_t>((real(status, "loop_stall_ms") + 1) * 1e6);
        const auto gap_ns = static_cast<std::int64_t>(real(status, "max_gap_ms") * 1e6);
        EXPECT_LE(gap_ns, sfu_.longest_pause_ns(since_ns - slack_ns, until_ns) + slack_ns);
        EXPECT_GE(gap_ns, sfu_.longest_pause_ns(since_ns, until_ns) - slack_ns);
    }
    // Only the thread of the swarm; the fake goes on.
    void stand_still() {
        struct sigaction action{};
        action.sa_handler = stand_still_longer_than_anybody_waits;
        ::sigaction(SIGUSR1, &action, nullptr);
        standing_still = false;
        ::pthread_kill(thread_.native_handle(), SIGUSR1);
        while (!standing_still) std::this_thread::sleep_for(1ms);
    }
    // When the publishers stopped; only after finish().
    const json::object& at_the_end() const { return at_the_end_; }
    int exit_code() const { return exit_code_; }

private:
    std::string read_line() {
        while (true) {
            if (const auto end = input_.find('\n'); end != std::string::npos) {
                std::string line = input_.substr(0, end);
                input_.erase(0, end + 1);
                return line;
            }
            pollfd p{output_.get(), POLLIN, 0};
            if (::poll(&p, 1, std::chrono::milliseconds(hung).count()) == 0) {
                ADD_FAILURE() << "sluice-load is silent";
                throw std::runtime_error("sluice-load is silent");
            }
            char buffer[4096];
            const ssize_t n = ::read(output_.get(), buffer, sizeof buffer);
            if (n > 0) input_.append(buffer, static_cast<std::size_t>(n));
        }
    }

    FakeSfu& sfu_;
    Options options_;
    std::unique_ptr<World> world_;
    std::unique_ptr<Swarm> swarm_;
    std::thread thread_;
    UniqueFd output_;
    std::FILE* out_ = nullptr;
    std::string input_;
    json::object at_the_end_;
    int commands_[2] = {-1, -1};
    int exit_code_ = -1;
};

}  // namespace sluice::loadgen::test
