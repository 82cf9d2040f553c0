// A whole run against the fake SFU: what is counted when all is well, and that each fault is noticed.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <thread>

#include "controlplane/core/clock.hpp"
#include "tools/load/fake_sfu.hpp"
#include "tools/load/swarm.hpp"

namespace sluice::loadgen {
namespace {

namespace json = boost::json;

// A swarm on a thread of its own, driven by its commands as a script would.
class Session {
public:
    explicit Session(const test::FakeSfu& sfu, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"--url",     "http://127.0.0.1:" + std::to_string(sfu.http_port()),
                                           "--seconds", "0",
                                           "--json",    "--consent-interval",
                                           "0.1",       "--keyframe-interval-s",
                                           "0",         "--linger",
                                           "0.4"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto usage = parse_options(arguments, options_);
        EXPECT_FALSE(usage) << usage->text;
        world_ = make_world(options_).value();
        swarm_ = std::make_unique<Swarm>(*world_);
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, commands_);
        ::testing::internal::CaptureStdout();
        thread_ = std::thread([this] { exit_code_ = swarm_->run(commands_[1], -1); });
    }
    ~Session() {
        if (thread_.joinable()) (void)finish();
        ::close(commands_[0]);
        ::close(commands_[1]);
    }
    void command(const std::string& line) {
        const std::string text = line + '\n';
        ASSERT_EQ(::write(commands_[0], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void stream(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }
    json::object finish() {
        command("quit");
        thread_.join();
        output_ = ::testing::internal::GetCapturedStdout();
        return last("report");
    }
    // The last line of an event; only after finish().
    json::object last(std::string_view event) const {
        json::object found;
        for (std::size_t at = 0; at < output_.size();) {
            const auto end = output_.find('\n', at);
            json::object line = json::parse(output_.substr(at, end - at)).as_object();
            if (line.at("event").as_string() == event) found = std::move(line);
            at = end + 1;
        }
        return found;
    }
    int exit_code() const { return exit_code_; }
    const std::string& output() const { return output_; }

private:
    Options options_;
    std::unique_ptr<World> world_;
    std::unique_ptr<Swarm> swarm_;
    std::thread thread_;
    std::string output_;
    int commands_[2] = {-1, -1};
    int exit_code_ = -1;
};

std::uint64_t number(const json::object& o, std::string_view key) {
    return o.at(key).to_number<std::uint64_t>();
}

struct Case {
    const char* name;
    std::vector<std::string> arguments;
};
class Clean : public ::testing::TestWithParam<Case> {};

TEST_P(Clean, RunCountsEveryPacketOnce) {
    test::FakeSfu sfu;
    std::vector<std::string> arguments = GetParam().arguments;
    for (const char* a : {"--viewers", "5", "--expect-no-loss"}) arguments.emplace_back(a);
    Session run(sfu, arguments);
    run.stream(1);
    EXPECT_EQ(sfu.sessions(), 6u);
    const json::object report = run.finish();
    EXPECT_EQ(run.exit_code(), 0) << run.output();
    EXPECT_EQ(number(report, "viewers_with_media"), 5u);
    EXPECT_GT(number(report, "rtp_received"), 150u);
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_EQ(number(report, "consent_failures"), 0u);
    EXPECT_GT(number(report, "consent_answered"), 20u);
    EXPECT_GT(number(report, "sender_reports"), 5u);
    EXPECT_GT(number(report.at("upstream").as_object(), "receiver_reports"), 1u);
    EXPECT_LT(report.at("max_gap_ms").to_number<double>(), 500);
    EXPECT_EQ(sfu.sessions(), 0u) << "every session is deleted at the end";
}

INSTANTIATE_TEST_SUITE_P(Load, Clean,
                         ::testing::Values(Case{"gcm", {"--suite", "gcm"}}, Case{"cm", {"--suite", "cm"}},
                                           Case{"cm_ipsec_mb", {"--suite", "cm", "--engine", "ipsec_mb"}},
                                           Case{"gcm_ipsec_mb", {"--engine", "ipsec_mb"}}, Case{"audio_too", {"--audio"}},
                                           Case{"audio_only", {"--audio", "--video-pps", "0"}},
                                           // The ROC rolls after half a second.
                                           Case{"rollover", {"--start-sequence", "65500"}}),
                         [](const auto& info) { return std::string{info.param.name}; });

TEST(Load, AsksAgainForWhatWasLost) {
    test::FakeSfu sfu;
    sfu.faults.drop_one_in = 20;
    Session run(sfu, {"--viewers", "3", "--expect-no-loss"});
    run.stream(2);
    sfu.faults.drop_one_in = 0;
    run.stream(0.5);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_GT(number(report, "rtx_received"), 5u);
    EXPECT_EQ(run.exit_code(), 0) << run.output();
}

TEST(Load, CountsLossThatNobodyRepairs) {
    test::FakeSfu sfu;
    sfu.faults.drop_one_in = 20;
    sfu.faults.answer_nacks = false;
    Session run(sfu, {"--viewers", "3", "--expect-no-loss"});
    run.stream(2);
    const json::object report = run.finish();
    EXPECT_GT(number(report, "rtp_lost"), 10u);
    EXPECT_EQ(number(report, "content_lost"), 0u) << "a gap in the numbers is counted once";
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, CountsWhatIsLeftOutWithoutAGap) {
    test::FakeSfu sfu;
    sfu.faults.skip_one_in = 10;
    Session run(sfu, {"--viewers", "2", "--expect-no-loss"});
    run.stream(1);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_GT(number(report, "content_lost"), 5u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, CountsWhatIsMissingAtTheEnd) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2", "--expect-no-loss"});
    run.stream(1);
    sfu.faults.forward = false;
    run.stream(0.3);
    const json::object report = run.finish();
    EXPECT_GT(number(report, "rtp_tail_lost"), 10u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, NoticesTwoPacketsUnderOneIndex) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2"});
    run.stream(1);
    sfu.renumber(-20);
    run.stream(0.5);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "index_reuse"), 40u);
    EXPECT_EQ(number(report, "auth_failures"), 0u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, TakesAJumpAheadForARestart) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2"});
    run.stream(1);
    sfu.renumber(512);
    run.stream(0.5);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "index_jumps"), 2u);
    EXPECT_EQ(number(report, "rtp_lost"), 1024u);
    EXPECT_EQ(number(report, "index_reuse") + number(report, "index_regressions"), 0u);
    EXPECT_EQ(number(report, "content_lost") + number(report, "content_jumped"), 0u) << "no content was lost";
    EXPECT_EQ(run.exit_code(), 0) << run.output();
}

TEST(Load, NoticesDamagedPackets) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "1"});
    run.stream(0.7);
    sfu.faults.corrupt_next = true;
    run.stream(0.3);
    sfu.faults.garble_next = true;
    run.stream(0.3);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "auth_failures"), 1u);
    EXPECT_EQ(number(report, "content_errors"), 1u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, NoticesThatConsentIsNotAnswered) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "1"});
    run.stream(0.7);
    sfu.faults.answer_checks = false;
    run.stream(2.5);
    run.command("status");
    run.stream(0.1);
    const json::object report = run.finish();
    EXPECT_GT(number(report, "consent_failures"), 3u);
    EXPECT_GT(run.last("status").at("consent_age_ms").to_number<double>(), 2000);
}

TEST(Load, SurvivesANatRebinding) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2", "--rebind-after", "0.5", "--video-pps", "300", "--expect-no-loss"});
    run.stream(2.5);
    run.command("detail");
    run.stream(0.1);
    const json::object report = run.finish();
    EXPECT_EQ(sfu.path_switches(), 1u);
    EXPECT_EQ(number(report, "rtp_lost"), 0u) << "what went to the old port is not the SFU's loss";
    EXPECT_GT(number(report, "rebind_lost"), 0u);
    EXPECT_EQ(number(report, "content_lost") + number(report, "content_jumped"), 0u);
    EXPECT_GT(report.at("rebind_gap_ms").to_number<double>(), 1);
    EXPECT_EQ(number(report, "viewers_stalled"), 0u) << "before the publishers stopped";
    EXPECT_EQ(run.exit_code(), 0) << run.output();
}

TEST(Load, MeasuresSilenceSinceTheMark) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2"});
    run.stream(1);
    run.command("mark");
    sfu.faults.forward = false;
    run.stream(0.8);
    run.command("status");
    run.stream(0.05);
    sfu.faults.forward = true;
    run.stream(0.3);
    const json::object report = run.finish();
    EXPECT_EQ(number(run.last("status"), "viewers_stalled"), 2u);
    EXPECT_GT(report.at("max_gap_ms").to_number<double>(), 700);
    EXPECT_LT(report.at("max_gap_ms").to_number<double>(), 2500);
    EXPECT_GT(number(report, "content_jumped"), 0u);
    EXPECT_EQ(run.exit_code(), 0) << run.output();
}

TEST(Load, TakesMoreViewersAndDeletesOneOnCommand) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "1"});
    run.stream(0.7);
    run.command("viewers 3");
    run.stream(0.7);
    EXPECT_EQ(sfu.sessions(), 5u);
    run.command("delete 1");
    run.stream(0.3);
    EXPECT_EQ(sfu.sessions(), 4u);
    const json::object report = run.finish();
    EXPECT_EQ(number(run.last("deleted"), "status"), 200u);
    EXPECT_EQ(number(report, "viewers"), 4u);
    EXPECT_EQ(number(report, "viewers_with_media"), 4u);
}

TEST(Load, SaysWhyAJoinFailed) {
    Options options;
    ASSERT_FALSE(parse_options({"--url", "http://127.0.0.1:1", "--publishers", "0", "--viewers", "1", "--seconds", "0.1",
                                "--join-timeout", "0.3", "--json"},
                               options));
    const auto world = make_world(options).value();
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(Swarm(*world).run(-1, -1), 1);
    EXPECT_NE(::testing::internal::GetCapturedStdout().find("Connection refused"), std::string::npos);
}

TEST(Options, RefusesPublicAddressesAndNames) {
    Options options;
    for (const char* url : {"http://8.8.8.8:7880", "http://[2001:4860:4860::8888]", "http://example.com",
                            "https://127.0.0.1", "http://127.0.0.1:0", "http://127.0.0.1:x"}) {
        const auto usage = parse_options({"--url", url}, options);
        ASSERT_TRUE(usage) << url;
        EXPECT_EQ(usage->exit_code, 2);
    }
    for (const char* url : {"http://127.0.0.1:7880", "http://localhost", "http://[::1]:7880/", "http://10.77.0.2:80"})
        EXPECT_FALSE(parse_options({"--url", url}, options)) << url;
}

}  // namespace
}  // namespace sluice::loadgen
