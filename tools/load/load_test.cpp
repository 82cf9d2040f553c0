// A whole run against the fake SFU: what is counted when all is well, and that each fault is noticed.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tools/load/fake_sfu.hpp"
#include "tools/load/http_client.hpp"
#include "tools/load/test_session.hpp"

namespace sluice::loadgen {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using test::number;
using test::real;
using test::Session;

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
    run.stream(40);
    EXPECT_EQ(sfu.sessions(), 6u);
    run.until("consent_answered", 20);
    run.until("sender_reports", 6);
    run.until([](const json::object& s) { return number(s.at("upstream").as_object(), "receiver_reports") > 1; });
    const json::object report = run.finish();
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
    EXPECT_EQ(number(report, "viewers_with_media"), 5u);
    EXPECT_EQ(number(report, "rtp_received"), sfu.account().given);
    EXPECT_GE(number(report, "rtp_received"), 200u);
    EXPECT_EQ(number(report, "rtp_sent"), sfu.account().taken);
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_EQ(number(report, "consent_failures"), 0u);
    run.expect_true_gap(run.at_the_end());
    EXPECT_EQ(sfu.sessions(), 0u) << "every session is deleted at the end";
}

INSTANTIATE_TEST_SUITE_P(Load, Clean,
                         ::testing::Values(Case{"gcm", {"--suite", "gcm"}}, Case{"cm", {"--suite", "cm"}},
                                           Case{"cm_ipsec_mb", {"--suite", "cm", "--engine", "ipsec_mb"}},
                                           Case{"gcm_ipsec_mb", {"--engine", "ipsec_mb"}}, Case{"audio_too", {"--audio"}},
                                           Case{"audio_only", {"--audio", "--video-pps", "0"}},
                                           // The ROC rolls in the middle.
                                           Case{"rollover", {"--start-sequence", "65520"}}),
                         [](const auto& info) { return std::string{info.param.name}; });

TEST(Load, AsksAgainForWhatWasLost) {
    test::FakeSfu sfu;
    sfu.faults.drop_one_in = 20;
    Session run(sfu, {"--viewers", "3", "--video-pps", "300", "--expect-no-loss"});
    run.until("rtx_received", 6);
    sfu.faults.drop_one_in = 0;
    run.stream(1);  // shows the last gap
    const json::object report =
        run.finish([&](const json::object& s) { return run.all_arrived(s) && number(s, "rtp_lost") == 0; });
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_GT(number(report, "rtx_received"), 5u);
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
}

TEST(Load, CountsLossThatNobodyRepairs) {
    test::FakeSfu sfu;
    sfu.faults.drop_one_in = 20;
    sfu.faults.answer_nacks = false;
    Session run(sfu, {"--viewers", "3", "--video-pps", "300", "--expect-no-loss"});
    run.until("rtp_lost", 11);
    const json::object report = run.finish();
    EXPECT_GT(number(report, "rtp_lost"), 10u);
    EXPECT_EQ(number(report, "content_lost") + number(report, "content_jumped"), 0u)
        << "a gap in the numbers is counted once";
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, CountsWhatIsLeftOutWithoutAGap) {
    test::FakeSfu sfu;
    sfu.faults.skip_one_in = 10;
    Session run(sfu, {"--viewers", "2", "--expect-no-loss"});
    run.until("content_lost", 6);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_GT(number(report, "content_lost"), 5u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, CountsWhatIsMissingAtTheEnd) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2", "--expect-no-loss"});
    run.stream(20);
    sfu.faults.forward = false;
    const auto before = sfu.account().taken;
    run.until([&](const json::object&) { return sfu.account().taken >= before + 10; });
    const json::object report = run.finish();
    EXPECT_GE(number(report, "rtp_tail_lost"), 20u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, NoticesTwoPacketsUnderOneIndex) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2"});
    run.stream(30);
    sfu.renumber(-20);
    run.until("index_reuse", 40);
    run.stream(5);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "index_reuse"), 40u);
    EXPECT_EQ(number(report, "auth_failures"), 0u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, TakesAJumpAheadForARestart) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2"});
    run.stream(20);
    sfu.renumber(512);
    run.until("index_jumps", 2);
    run.stream(5);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "index_jumps"), 2u);
    EXPECT_EQ(number(report, "rtp_lost"), 1024u);
    EXPECT_EQ(number(report, "index_reuse") + number(report, "index_regressions"), 0u);
    EXPECT_EQ(number(report, "content_lost") + number(report, "content_jumped"), 0u) << "no content was lost";
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
}

TEST(Load, NoticesDamagedPackets) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "1"});
    run.stream(10);
    sfu.faults.corrupt_next = true;
    run.until("auth_failures", 1);
    sfu.faults.garble_next = true;
    run.until("content_errors", 1);
    run.stream(5);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "auth_failures"), 1u);
    EXPECT_EQ(number(report, "content_errors"), 1u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Load, NoticesThatConsentIsNotAnswered) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "1"});
    run.stream(1);
    sfu.faults.answer_checks = false;
    const json::object status = run.until("consent_failures", 4);
    EXPECT_GT(real(status, "consent_age_ms"), 2000) << "each has two seconds";
    EXPECT_GT(number(run.finish(), "consent_failures"), 3u);
}

TEST(Load, SurvivesANatRebinding) {
    test::FakeSfu sfu;
    sfu.faults.follow_moves = false;
    Session run(sfu, {"--viewers", "2", "--rebind-after", "0.1", "--video-pps", "300", "--expect-no-loss"});
    run.until("rebinds", 1);
    run.stream(20);  // to the old port
    EXPECT_EQ(number(run.ask("status"), "rebind_lost"), 0u) << "not before it is known what was lost";
    sfu.faults.follow_moves = true;
    run.until("rebind_lost", 20);
    run.stream(20);
    run.ask("detail");
    const json::object report =
        run.finish([&](const json::object& s) { return run.all_arrived(s) && number(s, "viewers_stalled") == 2; });
    EXPECT_EQ(sfu.path_switches(), 1u);
    EXPECT_EQ(number(report, "rtp_lost"), 0u) << "what went to the old port is not the SFU's loss";
    EXPECT_EQ(number(report, "rtp_tail_lost"), 0u);
    EXPECT_EQ(number(report, "content_lost") + number(report, "content_jumped"), 0u);
    EXPECT_GT(real(report, "rebind_gap_ms"), 1);
    EXPECT_EQ(report.at("viewers_stalled"), run.at_the_end().at("viewers_stalled")) << "before the publishers stopped";
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
}

TEST(Load, MeasuresSilenceSinceTheMark) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2"});
    run.stream(10);
    const auto begun_ns = run.ask("mark").at("now_ns").to_number<std::int64_t>();
    sfu.faults.forward = false;
    const json::object silent =
        run.until([](const json::object& s) { return number(s, "viewers_stalled") == 2 && real(s, "silent_ms") > 800; });
    EXPECT_GE(real(silent, "max_gap_ms"), real(silent, "silent_ms")) << "the silence that is under way counts";
    run.expect_true_gap(silent, begun_ns);
    sfu.faults.forward = true;
    run.stream(10);
    run.expect_true_gap(run.ask("status"), begun_ns);
    const auto later_ns = run.ask("mark").at("now_ns").to_number<std::int64_t>();
    run.stream(10);
    const json::object report = run.finish();
    run.expect_true_gap(run.at_the_end(), later_ns);
    EXPECT_EQ(report.at("max_gap_ms"), run.at_the_end().at("max_gap_ms")) << "before the publishers stopped";
    EXPECT_GT(number(report, "content_jumped"), 0u);
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
}

TEST(Load, TakesNoStallOfItsOwnForTheSfus) {
    test::FakeSfu sfu;
    sfu.faults.drop_one_in = 5;  // some packet is always being asked for
    Session run(sfu, {"--viewers", "2", "--video-pps", "300", "--expect-no-loss"});
    run.stream(50);
    run.stand_still();
    const json::object after = run.ask("status");
    EXPECT_GT(real(after, "loop_stall_ms"), 2000);
    EXPECT_EQ(number(after, "viewers_stalled"), 0u);
    sfu.faults.drop_one_in = 0;
    run.stream(1);
    const json::object report =
        run.finish([&](const json::object& s) { return run.all_arrived(s) && number(s, "rtp_lost") == 0; });
    EXPECT_EQ(number(report, "rtp_lost"), 0u) << "it had no time to ask";
    EXPECT_EQ(number(report, "consent_failures"), 0u) << "the answers were there";
    EXPECT_EQ(number(report, "resumed_without_keyframe"), 0u);
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
}

TEST(Load, TakesMoreViewersAndDeletesOneOnCommand) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "1"});
    run.command("viewers 3");
    run.until("viewers_with_media", 4);
    EXPECT_EQ(sfu.sessions(), 5u);
    run.command("delete 1");
    EXPECT_EQ(number(run.event("deleted"), "status"), 200u);
    EXPECT_EQ(sfu.sessions(), 4u);
    // What was under way to the one that left is nowhere.
    const json::object report = run.finish([](const json::object& s) { return number(s, "rtp_tail_lost") == 0; });
    EXPECT_EQ(number(report, "rtp_tail_lost"), 0u);
    EXPECT_EQ(number(report, "viewers"), 4u);
    EXPECT_EQ(number(report, "viewers_with_media"), 4u);
}

TEST(Load, SaysWhyAJoinFailed) {
    Options options;
    ASSERT_FALSE(parse_options({"--url", "http://127.0.0.1:1", "--publishers", "0", "--viewers", "1", "--seconds", "0.1",
                                "--join-timeout", "0.3", "--linger", "0", "--json"},
                               options));
    const auto world = make_world(options).value();
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(Swarm(*world).run(-1, -1), 1);
    EXPECT_NE(::testing::internal::GetCapturedStdout().find("Connection refused"), std::string::npos);
}

TEST(HttpClient, GivesUpOnAServerThatSaysNothing) {
    const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof name;
    ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
    ASSERT_EQ(::listen(server.get(), 1), 0);
    ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&name), &size);
    const auto begun = std::chrono::steady_clock::now();
    const auto answer =
        http_exchange({*IpAddress::parse("127.0.0.1"), ntohs(name.sin_port)}, {"GET", "/", "", "", ""}, 120ms);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 120ms);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), "waiting for the answer: Connection timed out");
}

TEST(Options, RefusesPublicAddressesAndNames) {
    Options options;
    for (const char* url :
         {"http://8.8.8.8:7880", "http://[2001:4860:4860::8888]", "http://example.com", "https://127.0.0.1",
          "http://127.0.0.1:0", "http://127.0.0.1:x", "http://127.0.0.1:7880x", "http://127.0.0.1:70000"}) {
        const auto usage = parse_options({"--url", url}, options);
        ASSERT_TRUE(usage) << url;
        EXPECT_EQ(usage->exit_code, 2);
    }
    for (const char* url : {"http://127.0.0.1:7880", "http://localhost", "http://[::1]:7880/", "http://10.77.0.2:80"})
        EXPECT_FALSE(parse_options({"--url", url}, options)) << url;
}

}  // namespace
}  // namespace sluice::loadgen
