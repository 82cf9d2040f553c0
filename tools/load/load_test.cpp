// A whole run against the fake SFU: what is counted when all is well, and that each fault is noticed.
#include <gtest/gtest.h>

#include "tools/load/fake_sfu.hpp"
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
                                           // Nothing of what is not opened is missed or counted twice.
                                           Case{"lean", {"--oracle-viewers", "0", "--check-sample", "8", "--audio"}},
                                           // The ROC rolls in the middle.
                                           Case{"rollover", {"--start-sequence", "65520"}}),
                         [](const auto& info) { return std::string{info.param.name}; });

// Whether each packet is opened or a sample: no fault escapes.
class Openers : public ::testing::TestWithParam<Case> {
protected:
    static std::vector<std::string> with(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
        return arguments;
    }
};
INSTANTIATE_TEST_SUITE_P(Load, Openers,
                         ::testing::Values(Case{"oracle", {}},
                                           Case{"lean", {"--oracle-viewers", "0", "--check-sample", "16"}}),
                         [](const auto& info) { return std::string{info.param.name}; });

TEST_P(Openers, AsksAgainForWhatWasLost) {
    test::FakeSfu sfu;
    sfu.faults.drop_one_in = 20;
    Session run(sfu, with({"--viewers", "3", "--video-pps", "300", "--expect-no-loss"}));
    run.until("rtx_received", 6);
    sfu.faults.drop_one_in = 0;
    run.stream(1);  // shows the last gap
    const json::object report =
        run.finish([&](const json::object& s) { return run.all_arrived(s) && number(s, "rtp_lost") == 0; });
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_GT(number(report, "rtx_received"), 5u);
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
}

TEST_P(Openers, CountsLossThatNobodyRepairs) {
    test::FakeSfu sfu;
    sfu.faults.drop_one_in = 20;
    sfu.faults.answer_nacks = false;
    Session run(sfu, with({"--viewers", "3", "--video-pps", "300", "--expect-no-loss"}));
    run.until("rtp_lost", 11);
    const json::object report = run.finish();
    EXPECT_GT(number(report, "rtp_lost"), 10u);
    EXPECT_EQ(number(report, "content_lost") + number(report, "content_jumped"), 0u)
        << "a gap in the numbers is counted once";
    EXPECT_EQ(run.exit_code(), 1);
}

TEST_P(Openers, CountsWhatIsLeftOutWithoutAGap) {
    test::FakeSfu sfu;
    sfu.faults.skip_one_in = 10;
    Session run(sfu, with({"--viewers", "2", "--expect-no-loss"}));
    run.until("content_lost", 6);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "rtp_lost"), 0u);
    EXPECT_GT(number(report, "content_lost"), 5u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST_P(Openers, CountsWhatIsMissingAtTheEnd) {
    test::FakeSfu sfu;
    Session run(sfu, with({"--viewers", "2", "--expect-no-loss"}));
    run.stream(20);
    sfu.faults.forward = false;
    const auto before = sfu.account().taken;
    run.until([&](const json::object&) { return sfu.account().taken >= before + 10; });
    const json::object report = run.finish();
    EXPECT_GE(number(report, "rtp_tail_lost"), 20u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST_P(Openers, NoticesTwoPacketsUnderOneIndex) {
    test::FakeSfu sfu;
    Session run(sfu, with({"--viewers", "2"}));
    run.stream(30);
    sfu.renumber(-20);
    run.until("index_reuse", 40);
    run.stream(5);
    const json::object report = run.finish();
    EXPECT_EQ(number(report, "index_reuse"), 40u);
    EXPECT_EQ(number(report, "auth_failures"), 0u);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST_P(Openers, TakesAJumpAheadForARestart) {
    test::FakeSfu sfu;
    Session run(sfu, with({"--viewers", "2"}));
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

TEST(Load, OpensASampleOnceThereIsAPicture) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2", "--oracle-viewers", "1", "--check-sample", "50", "--video-pps", "300"});
    run.until([](const json::object& s) { return number(s, "viewers_without_picture") == 0; });
    const json::object before = run.ask("status");
    run.stream(400);
    const json::object after = run.ask("status");
    const auto received = number(after, "rtp_received") - number(before, "rtp_received");
    const auto checked = number(after, "rtp_checked") - number(before, "rtp_checked");
    EXPECT_GT(checked, received * 4 / 10) << "the oracle opens all";
    EXPECT_LT(checked, received * 6 / 10) << "the other one in fifty, and what follows a silence";
    run.finish();
    EXPECT_EQ(run.exit_code(), 0);
}

TEST(Load, ACrowdJoinsAtOnce) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "40", "--join-rate", "0", "--http-connections", "4", "--oracle-viewers", "2"});
    const json::object status = run.until([](const json::object& s) {
        return number(s, "viewers_without_picture") == 0 && number(s, "viewers_with_media") == 40;
    });
    EXPECT_EQ(sfu.sessions(), 41u);
    for (const char* key : {"join_ms", "post_ms", "first_picture_ms"}) {
        const json::object& spread = status.at(key).as_object();
        EXPECT_GT(real(spread, "p50"), 0) << key;
        EXPECT_LE(real(spread, "p50"), real(spread, "p99")) << key;
        EXPECT_LE(real(spread, "p99"), real(spread, "max")) << key;
    }
    EXPECT_GE(real(status.at("join_ms").as_object(), "max"), real(status.at("post_ms").as_object(), "max"));
    EXPECT_GE(real(status.at("first_picture_ms").as_object(), "max"), real(status.at("picture_wait_ms").as_object(), "max"));
    const json::object report = run.finish();
    EXPECT_GT(real(report.at("generator").as_object(), "cpu_per_join_us"), 0);
    EXPECT_EQ(run.exit_code(), 0) << json::serialize(report);
}

TEST(Load, MeasuresTheLatencyOfWhatItChecks) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "2"});
    run.stream(20);
    const json::object status = run.ask("status");
    const json::object& latency = status.at("latency_us").as_object();
    EXPECT_EQ(number(latency, "packets"), number(status, "rtp_checked"));
    EXPECT_GT(real(latency, "p50"), 0);
    EXPECT_LT(real(latency, "p50"), 60e6) << "the clocks of both ends are one";
    sfu.faults.forward = false;
    run.until([&](const json::object& s) {
        const bool forgotten = number(s.at("latency_us").as_object(), "packets") == 0;
        if (!forgotten) run.ask("mark");
        return forgotten;
    });
}

TEST(Load, AnswersTheChecksOfAFullAgent) {
    test::FakeSfu sfu;
    sfu.faults.full_agent = true;
    Session run(sfu, {"--viewers", "1"});
    run.until([&](const json::object&) { return sfu.checks_answered() >= 4; });
    run.finish();
    EXPECT_EQ(run.exit_code(), 0);
}

TEST(Load, TellsOfArrivalsWhereTransportCcWasNegotiated) {
    test::FakeSfu sfu;
    sfu.faults.number_transport = true;
    Session run(sfu, {"--viewers", "2", "--video-pps", "300"});
    run.until([&](const json::object&) { return sfu.arrivals_told() >= 300; });
    EXPECT_GT(number(run.ask("status"), "transport_cc_sent"), 1u);
    run.finish();
    EXPECT_EQ(run.exit_code(), 0);
}

TEST(Load, SendsNoRtcpWhereItIsToldSo) {
    test::FakeSfu sfu;
    sfu.faults.number_transport = true;
    sfu.faults.drop_one_in = 20;
    Session run(sfu, {"--viewers", "2", "--video-pps", "300", "--no-rtcp"});
    run.stream(100);
    const json::object status = run.until("rtp_lost", 4);
    for (const char* key : {"nacks_sent", "plis_sent", "transport_cc_sent"}) EXPECT_EQ(number(status, key), 0u) << key;
    EXPECT_EQ(sfu.arrivals_told(), 0u);
}

TEST(Load, PromisesThatAreNotKeptFailTheRun) {
    test::FakeSfu sfu;
    Session run(sfu, {"--viewers", "1", "--expect-join-ms", "0.001", "--expect-picture-ms", "60000"});
    run.until([](const json::object& s) { return number(s, "viewers_without_picture") == 0; });
    const json::object report = run.finish();
    ASSERT_EQ(report.at("failures").as_array().size(), 1u) << json::serialize(report);
    EXPECT_NE(report.at("failures").at(0).as_string().find("the join: p99 is "), std::string::npos);
    EXPECT_EQ(run.exit_code(), 1);
}

TEST(Progress, CountsViewersByPhase) {
    Progress progress(nullptr);
    EXPECT_FALSE(progress.due(INT64_MAX));
    EXPECT_EQ(
        progress.line(Crowd{}, 5, 1),
        "viewers 0/5 connected, 0 posting, 0 checking, 0 in DTLS, 0 failed | 0/0 have a picture | 0.0 kpps 0.0 Mbit/s, "
        "lost 0");
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

}  // namespace
}  // namespace sluice::loadgen
