#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "signaling/jwt/access_token.hpp"
#include "tools/sluicectl/screen.hpp"
#include "tools/sluicectl/test_support.hpp"
#include "tools/sluicectl/top.hpp"

namespace sluice::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

class CliTest : public CtlTest {
protected:
    // A data plane whose workers and main thread are alive.
    void living_data_plane() {
        data_plane = std::make_unique<DataPlaneThread>(control());
        abi::TransportSpec transport;
        transport.id = abi::TransportId{0x11};
        data_plane->plane().put(transport);
        abi::LegSpec leg;
        leg.id = abi::LegId{0x31};
        leg.transport = transport.id;
        data_plane->plane().put(leg);
        data_plane->plane().slot(leg.id)->packets = 4321;
        data_plane->plane().slot(transport.id)->tx_packets = 99;
        data_plane->start([](dpclient::FakeDataPlane& p) {
            ++p.segment().heartbeat;
            for (std::uint32_t i = 0; i < 2; ++i) {
                ++p.worker(i).loops;
                p.worker(i).rtp_out += 10;
                p.worker(i).drops[static_cast<std::size_t>(abi::DropReason::no_legs)] += 3;
            }
        });
    }
    void control_plane(std::map<std::string, std::string> answers) {
        admin_thread = std::make_unique<AdminThread>(admin_path(), std::move(answers));
    }

    std::unique_ptr<DataPlaneThread> data_plane;
    std::unique_ptr<AdminThread> admin_thread;
};

const std::string room_answer = AdminThread::json(
    R"({"version":1,"room":"d/r","viewers":2,"ingress_bps":1500000,"publishers":[{"id":"00aa","identity":"ann","tracks":[{"kind":"video",)"
    R"("codec":"VP8","bitrate_bps":1500000,"lost":3,"width":640,"height":360}]}],"transports":[{"id":"00aa","role":"publisher","identity":"ann",)"
    R"("phase":"connected","worker":0,"remote":"192.0.2.1:5000"}],"events":[{"time":2000,"text":"ann left"},{"time":1000,"text":"ann \u001bcame"}]})");

TEST_F(CliTest, DataPlaneVerbsEndWith3WhenNoneAnswers) {
    for (const char* verb : {"workers", "ports", "drops", "memory", "top", "status"}) {
        const Ran ran = ctl({verb, "--json"});
        EXPECT_EQ(ran.exit, 3) << verb;
        const auto json = ran.json();
        EXPECT_EQ(json.at("version").as_int64(), 1);
        EXPECT_EQ(json.at("command").as_string(), verb);
        EXPECT_EQ(json.at("exit_code").as_int64(), 3);
        EXPECT_FALSE(json.at("data_plane").at("up").as_bool());
        EXPECT_EQ(ran.err, "");
    }
    const Ran text = ctl({"workers"});
    EXPECT_EQ(text.exit, 3);
    EXPECT_EQ(text.out, "");
    EXPECT_THAT(text.err, HasSubstr("the data plane is down: " + control() + ": No such file or directory"));
}

TEST_F(CliTest, ControlPlaneVerbsEndWith4WhenNoneAnswers) {
    living_data_plane();
    const std::vector<std::vector<std::string>> verbs{{"rooms"},      {"show", "room", "x"},   {"events"},
                                                      {"kick", "11"}, {"kick", "--room", "x"}, {"drain"}};
    for (auto verb : verbs) {
        verb.emplace_back("--json");
        const Ran ran = ctl(verb);
        EXPECT_EQ(ran.exit, 4) << verb[0];
        EXPECT_FALSE(ran.json().at("control_plane").at("up").as_bool());
    }
    EXPECT_THAT(ctl({"rooms"}).err, HasSubstr("the control plane is down"));
    EXPECT_EQ(ctl({"config", "reload"}).exit, 4);
}

TEST_F(CliTest, DataPlaneVerbsWorkWithoutTheControlPlaneAndSaySo) {
    living_data_plane();
    for (const char* verb : {"workers", "ports", "drops", "memory"}) {
        const Ran ran = ctl({verb});
        EXPECT_EQ(ran.exit, 0) << verb << ran.err;
        EXPECT_THAT(ran.err, HasSubstr("the control plane is down")) << verb;
        EXPECT_NE(ran.out, "");
        const auto json = ctl({verb, "--json"}).json();
        EXPECT_TRUE(json.at("data_plane").at("up").as_bool());
        EXPECT_FALSE(json.at("control_plane").at("up").as_bool());
    }
    control_plane({});
    EXPECT_EQ(ctl({"workers"}).err, "") << "nothing to say when both are up";
}

TEST_F(CliTest, ComputesRatesFromTwoSamples) {
    living_data_plane();
    const auto begun = std::chrono::steady_clock::now();
    const auto data = ctl({"drops", "--json", "--interval", "0.1"}).json().at("data").as_object();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    EXPECT_GE(data.at("interval_s").to_number<double>(), 0.1);
    EXPECT_LE(data.at("interval_s").to_number<double>(), took.count() + 0.001);
    for (const auto& drop : data.at("drops").as_array()) {
        const bool expected = drop.at("name").as_string() == "no_legs";
        EXPECT_EQ(drop.at("per_s").to_number<double>() > 0, expected) << drop;
    }
    const auto workers = ctl({"--json", "workers"}).json().at("data").at("workers").as_array();
    ASSERT_EQ(workers.size(), 2U);
    EXPECT_GT(workers[0].at("rates").at("rtp_out_per_s").to_number<double>(), 0);
    EXPECT_FALSE(workers[0].at("stalled").as_bool());
    EXPECT_THAT(ctl({"drops"}).out, HasSubstr("nobody watches this source"));
}

TEST_F(CliTest, StatusShowsBothPlanesAndEndsWithTheCodeOfTheOneThatIsDown) {
    living_data_plane();
    const Ran half = ctl({"status"});
    EXPECT_EQ(half.exit, 4);
    EXPECT_THAT(half.out, HasSubstr("data plane:  up\n"));
    EXPECT_THAT(half.out, HasSubstr("control plane:  DOWN"));
    control_plane(
        {{"GET /v1/status",
          AdminThread::json(
              R"({"version":1,"ready":true,"draining":true,"full":true,"strained":true,"rooms":2,"sessions":5,"publishers":1,"viewers":4,"connected":5})")}});
    const Ran full = ctl({"status"});
    EXPECT_EQ(full.exit, 0) << full.err;
    EXPECT_EQ(full.err, "");
    EXPECT_THAT(full.out, HasSubstr("up, ready, draining, full: newcomers are refused, strained: lower layers\n"));
    EXPECT_THAT(full.out, HasSubstr("5 (1 publishers, 4 viewers, 5 connected)"));
    const auto json = ctl({"status", "--json"}).json();
    EXPECT_EQ(json.at("data").at("control_plane").at("rooms").as_int64(), 2);
    EXPECT_EQ(json.at("data").at("data_plane").at("transports").at("used").to_number<int>(), 1);
    data_plane.reset();
    const Ran other = ctl({"status"});
    EXPECT_EQ(other.exit, 3);
    EXPECT_THAT(other.out, HasSubstr("up, ready, draining"));
}

TEST_F(CliTest, ShowsALegFromTheDataPlaneAlone) {
    living_data_plane();
    const Ran ran = ctl({"show", "leg", "0x31"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("4321"));
    EXPECT_EQ(ctl({"show", "leg", "31", "--json"}).json().at("data").at("counters").at("packets").to_number<int>(), 4321);
    const Ran none = ctl({"show", "leg", "77"});
    EXPECT_EQ(none.exit, 1);
    EXPECT_THAT(none.err, HasSubstr("no leg 0000000000000077"));
    EXPECT_EQ(ctl({"show", "leg", "seven"}).exit, 2);
}

TEST_F(CliTest, ShowsATransportFromWhicheverPlaneKnowsIt) {
    living_data_plane();
    const Ran alone = ctl({"show", "transport", "11"});
    EXPECT_EQ(alone.exit, 0) << alone.err;
    EXPECT_THAT(alone.out, HasSubstr("99"));
    EXPECT_THAT(alone.err, HasSubstr("control plane is down"));
    EXPECT_EQ(ctl({"show", "transport", "12"}).exit, 4) << "the control plane might know it";
    control_plane(
        {{"GET /v1/transports/0000000000000011",
          AdminThread::json(
              R"({"version":1,"id":"0000000000000011","room":"demo","identity":"bob","lines":[{"mid":"0","kind":"video","leg":"0031","source":"0021"}]})")}});
    const Ran both = ctl({"show", "transport", "11"});
    EXPECT_EQ(both.exit, 0);
    EXPECT_THAT(both.out, HasSubstr("bob"));
    EXPECT_THAT(both.out, HasSubstr("0    video  0031  0021"));
    EXPECT_EQ(ctl({"show", "transport", "12"}).exit, 1);
}

TEST_F(CliTest, ShowsRooms) {
    control_plane(
        {{"GET /v1/rooms",
          AdminThread::json(
              R"({"version":1,"rooms":[{"room":"d/r","publishers":1,"viewers":2,"created_unix_ms":1700000000000}]})")},
         {"GET /v1/rooms/d%2Fr", room_answer}});
    const Ran list = ctl({"rooms"});
    EXPECT_EQ(list.exit, 0) << list.err;
    EXPECT_EQ(list.out, "ROOM  PUBLISHERS  VIEWERS  SINCE\nd/r            1        2  2023-11-14 22:13:20.000Z\n");
    const Ran one = ctl({"show", "room", "d/r"});
    EXPECT_EQ(one.exit, 0) << one.err;
    EXPECT_THAT(one.out, HasSubstr("640x360"));
    EXPECT_THAT(one.out, HasSubstr("192.0.2.1:5000"));
    const auto json = ctl({"show", "room", "d/r", "--json"}).json();
    EXPECT_EQ(json.at("data").at("viewers").as_int64(), 2);
    EXPECT_FALSE(json.at("data").as_object().contains("version")) << "one version, that of the envelope";
    const Ran none = ctl({"show", "room", "nowhere"});
    EXPECT_EQ(none.exit, 1);
    EXPECT_THAT(none.err, HasSubstr("no such thing"));
}

TEST_F(CliTest, ListsEventsOfAllRoomsInOrderAndHarmless) {
    const std::string answer = AdminThread::json(
        R"({"version":1,"last":2000000,"events":[{"id":1000000,"unix_ms":1000,"room":"d/r","text":"ann \u001bcame"},)"
        R"({"id":2000000,"unix_ms":2000,"text":"the data plane restarted"}]})");
    control_plane({{"GET /v1/events", answer}, {"GET /v1/events?room=d%2Fr", answer}});
    const Ran ran = ctl({"events"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_EQ(ran.out,
              "TIME                      ROOM  EVENT\n"
              "1970-01-01 00:00:01.000Z  d/r   ann ?came\n"
              "1970-01-01 00:00:02.000Z  -     the data plane restarted\n");
    EXPECT_EQ(ctl({"events", "--room", "d/r", "--json"}).json().at("data").at("events").as_array().size(), 2u);
}

TEST_F(CliTest, KicksAndDrains) {
    control_plane({{"POST /v1/kick?transport=0000000000000011", AdminThread::json(R"({"version":1,"kicked":1})")},
                   {"POST /v1/kick?room=a%20b", AdminThread::json(R"({"version":1,"kicked":3})")},
                   {"POST /v1/drain", AdminThread::json(R"({"version":1,"draining":true})")},
                   {"POST /v1/drain?off=1", AdminThread::json(R"({"version":1,"draining":false})")}});
    EXPECT_EQ(ctl({"kick", "11"}).out, "sessions ended: 1\n");
    EXPECT_EQ(ctl({"kick", "--room", "a b"}).out, "sessions ended: 3\n");
    EXPECT_EQ(ctl({"kick", "12"}).exit, 1);
    EXPECT_EQ(ctl({"kick", "zz"}).exit, 2);
    EXPECT_EQ(ctl({"kick"}).exit, 2);
    EXPECT_EQ(ctl({"kick", "11", "--room", "x"}).exit, 2);
    EXPECT_THAT(ctl({"drain"}).out, HasSubstr("draining"));
    EXPECT_EQ(ctl({"drain", "--off"}).out, "taking new sessions\n");
}

TEST_F(CliTest, RefusesWhatItDoesNotUnderstand) {
    EXPECT_EQ(ctl({}).exit, 2);
    EXPECT_EQ(ctl({"trace"}).exit, 2);
    EXPECT_EQ(ctl({"workers", "--nonsense"}).exit, 2);
    EXPECT_EQ(ctl({"workers", "--interval", "0"}).exit, 2);
    EXPECT_EQ(ctl({"show"}).exit, 2);
    const Ran help = ctl({"--help"});
    EXPECT_EQ(help.exit, 0);
    EXPECT_THAT(help.out, HasSubstr("4 the control plane is unreachable"));
    EXPECT_THAT(ctl({"--version"}).out, HasSubstr("sluicectl 0"));
}

TEST_F(CliTest, ChecksAndShowsAConfigurationWithoutItsSecrets) {
    const std::string good =
        file("good.conf", "keys = { mine = \"a-very-secret-secret\"; };\nrtc = { udp_port = 9000; };\n");
    const std::string bad = file("bad.conf", "rtc = { udp_prot = 9000; };\nhttp = { port = 99999; };\n");
    EXPECT_EQ(ctl({"config", "check", good}).exit, 0);
    const Ran refused = ctl({"config", "check", bad});
    EXPECT_EQ(refused.exit, 1);
    EXPECT_THAT(refused.err, HasSubstr("bad.conf:1: "));
    EXPECT_THAT(refused.err, HasSubstr("bad.conf:2: ")) << "all at once";
    const auto json = ctl({"config", "check", bad, "--json"}).json();
    EXPECT_EQ(json.at("data").at("diagnostics").as_array().size(), 2U);
    EXPECT_EQ(ctl({"config", "check", dir + "/none.conf"}).exit, 1);
    EXPECT_EQ(ctl({"--config", bad, "config", "check", good}).exit, 0) << "only the named file matters";

    const Ran shown = ctl({"config", "show", "--config", good});
    EXPECT_EQ(shown.exit, 0) << shown.err;
    EXPECT_THAT(shown.out, HasSubstr("udp_port = 9000;"));
    const Ran as_json = ctl({"config", "show", "--config", good, "--json"});
    EXPECT_EQ(as_json.json().at("data").at("values").at("rtc.udp_port").as_int64(), 9000);
    EXPECT_EQ(as_json.json().at("data").at("values").at("keys").at(0).as_string(), "mine");
    EXPECT_THAT(shown.out + shown.err + as_json.out, Not(HasSubstr("a-very-secret-secret")));
    EXPECT_EQ(ctl({"workers", "--config", bad}).exit, 1) << "a file that is refused is never half used";
}

TEST_F(CliTest, CreatesATokenThatTheConfiguredKeyVerifies) {
    const std::string conf = file("t.conf", "keys = { first = \"one-one-one-one\"; second = \"two-two-two-two\"; };\n");
    const Ran ran = ctl({"token", "create", "--room", "r", "--identity", "i", "--publish", "--ttl", "15m", "--key", "second",
                         "--config", conf});
    ASSERT_EQ(ran.exit, 0) << ran.err;
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("two-two")));
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto claims = jwt::verify(ran.out.substr(0, ran.out.size() - 1), {{"second", "two-two-two-two"}}, now);
    ASSERT_TRUE(claims) << claims.error().message;
    EXPECT_TRUE(claims->video.can_join("r"));
    EXPECT_TRUE(claims->video.can_publish());
    EXPECT_FALSE(claims->video.can_subscribe());
    EXPECT_EQ(claims->identity, "i");
    EXPECT_NEAR(static_cast<double>((claims->expires - now).count()), 900, 5);

    const auto json = ctl({"token", "create", "--room", "r", "--identity", "i", "--json"}).json();
    EXPECT_EQ(json.at("data").at("key").as_string(), "devkey");
    EXPECT_TRUE(json.at("data").at("publish").as_bool()) << "neither flag means both";
    EXPECT_TRUE(json.at("data").at("subscribe").as_bool());
    EXPECT_EQ(ctl({"token", "create", "--room", "r", "--identity", "i", "--key", "nope"}).exit, 1);
    EXPECT_EQ(ctl({"token", "create", "--room", "r", "--identity", "i", "--ttl", "soon"}).exit, 2);
    EXPECT_EQ(ctl({"token", "create", "--room", "r"}).exit, 2);
}

TEST_F(CliTest, ReloadShowsWhatIsInForceAndWhatWaits) {
    control_plane(
        {{"POST /v1/config/reload",
          AdminThread::json(
              R"({"version":1,"file":"/etc/s.conf","changes":[{"key":"log.level","change":"warm","before":"\"info\"","after":"\"warn\"","applied":true,"restart":["data plane"]},)"
              R"({"key":"dataplane.control_socket","change":"cold","before":"a","after":"b","applied":false,"restart":["control plane","data plane"]}]})")}});
    const Ran ran = ctl({"config", "reload"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("/etc/s.conf was read again\n"));
    EXPECT_THAT(
        ran.out,
        HasSubstr("log.level                 \"info\"  \"warn\"  in force; the data plane takes it at its next start\n"));
    EXPECT_THAT(ran.out, HasSubstr("waits for a restart of the control plane, data plane\n"));
    const auto data = ctl({"config", "reload", "--json"}).json().at("data").as_object();
    EXPECT_EQ(data.at("changes").as_array().size(), 2u);
    EXPECT_FALSE(data.contains("version"));
}

TEST_F(CliTest, ReloadSaysAllThatIsWrongAndEndsWith1) {
    control_plane(
        {{"POST /v1/config/reload",
          AdminThread::json(R"({"title":"Nothing was reloaded","status":422,"detail":"s.conf:1: one\ns.conf:2: two\n",)"
                            R"("diagnostics":[{"line":1},{"line":2}]})",
                            422)}});
    const Ran ran = ctl({"config", "reload"});
    EXPECT_EQ(ran.exit, 1);
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, HasSubstr("s.conf:1: one\ns.conf:2: two\nnothing was reloaded: what ran goes on"));
    const auto json = ctl({"config", "reload", "--json"}).json();
    EXPECT_EQ(json.at("exit_code").as_int64(), 1);
    EXPECT_EQ(json.at("data").at("diagnostics").as_array().size(), 2u);
}

TEST_F(CliTest, TopShowsOneFrame) {
    living_data_plane();
    const Ran ran = ctl({"top", "--once"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("control plane DOWN"));
    EXPECT_THAT(ran.out, HasSubstr("no_legs"));
    EXPECT_THAT(ran.out, Not(HasSubstr("\x1b")));
    const auto data = ctl({"top", "--once", "--json"}).json().at("data").as_object();
    for (const char* part : {"summary", "workers", "ports", "drops"}) EXPECT_TRUE(data.contains(part)) << part;
}

// Hands out frames and ends after some.
struct CountingScreen : Screen {
    explicit CountingScreen(std::function<void(int)> step) : step_(std::move(step)) {}
    std::size_t width() const override { return 80; }
    std::size_t lines() const override { return 24; }
    void show(const std::string& text) override { frames.push_back(text); }
    bool wait(std::chrono::milliseconds time) override {
        std::this_thread::sleep_for(time);
        step_(static_cast<int>(frames.size()));
        return frames.size() < 40 && !done;
    }
    std::vector<std::string> frames;
    bool done = false;
    std::function<void(int)> step_;
};

TEST_F(CliTest, TopOutlivesARestartOfTheDataPlane) {
    living_data_plane();
    Settings settings;
    settings.control_socket = control();
    settings.admin_socket = admin_path();
    settings.interval = std::chrono::milliseconds(30);
    settings.patience = std::chrono::milliseconds(200);
    CountingScreen* screen_at = nullptr;
    bool was_down = false;
    CountingScreen screen([&](int frame) {
        const std::string& last = screen_at->frames.back();
        if (frame == 2) data_plane.reset();
        if (data_plane == nullptr && last.starts_with("DATA PLANE DOWN")) {
            was_down = true;
            living_data_plane();
        } else if (was_down && last.starts_with("sluice")) {
            screen_at->done = true;
        }
    });
    screen_at = &screen;
    EXPECT_EQ(top(settings, screen).exit, Exit::ok);
    EXPECT_TRUE(was_down);
    EXPECT_TRUE(screen.done) << screen.frames.back();
    for (const std::string& frame : screen.frames) EXPECT_LE(std::ranges::count(frame, '\n'), 24);
}

TEST_F(CliTest, SaysWhenTheDataPlaneDoesNotAnswer) {
    data_plane = std::make_unique<DataPlaneThread>(control());  // it listens, but nobody serves it
    const Ran ran = ctl({"workers", "--timeout", "0.05"});
    EXPECT_EQ(ran.exit, 3);
    EXPECT_THAT(ran.err, HasSubstr("no answer for 50 ms"));
}

TEST_F(CliTest, StatusFailsWhenAThreadOfTheDataPlaneIsStalled) {
    data_plane = std::make_unique<DataPlaneThread>(control());
    data_plane->start();  // it answers, but neither heartbeat nor loops move
    control_plane({{"GET /v1/status", AdminThread::json(R"({"version":1,"ready":true})")}});
    const Ran ran = ctl({"status"});
    EXPECT_EQ(ran.exit, 1);
    EXPECT_THAT(ran.out, HasSubstr("STALLED"));
    EXPECT_THAT(ran.err, HasSubstr("the data plane is stalled"));
}

TEST(PlainScreen, DrawsOverTheLastFrameOnATerminal) {
    std::ostringstream out;
    const auto screen = plain_screen(out, true);
    screen->show("a\nb\n");
    EXPECT_EQ(out.str(), "\x1b[2J\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
    std::ostringstream file;
    plain_screen(file, false)->show("a\n");
    EXPECT_EQ(file.str(), "a\n\n");
}

}  // namespace
}  // namespace sluice::ctl
