#include "controlplane/room/event_log.hpp"

#include <gmock/gmock.h>

#include "controlplane/room/room_blob.hpp"
#include "controlplane/room/test_world.hpp"

namespace sluice::room {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> texts(const auto& events) {
    std::vector<std::string> out;
    for (const Event& e : events) out.push_back(e.room + ":" + e.text);
    return out;
}

TEST(EventLog, IdsGrowAlsoWithinAMillisecondAndWhenTheClockGoesBack) {
    EventLog log;
    const auto a = log.add(5000, "r", "a").id, b = log.add(5000, "r", "b").id, c = log.add(4000, "", "c").id;
    EXPECT_EQ(a, 5'000'000u);
    EXPECT_LT(a, b);
    EXPECT_LT(b, c);
    EXPECT_THAT(texts(log.after(0, "")), ElementsAre("r:a", "r:b", ":c"));
    EXPECT_THAT(texts(log.after(a, "r")), ElementsAre("r:b"));
    EXPECT_EQ(log.last(), c);
}

TEST(EventLog, KeepsTheYoungestThousand) {
    EventLog log;
    for (int i = 0; i < 1200; ++i) log.add(1, "r", std::to_string(i));
    const auto all = log.after(0, "");
    ASSERT_EQ(all.size(), EventLog::max_events);
    EXPECT_EQ(all.front().text, "200");
}

TEST(EventLog, AWaiterIsAnsweredByTheNextEventThatConcernsItOrAtItsDeadline) {
    EventLog log;
    log.add(1, "r", "old");
    const auto old = log.last();
    std::vector<std::string> heard;
    int answers = 0;
    const auto listen = [&](const std::string& room, std::int64_t deadline) {
        log.wait(old, room, deadline, [&](std::vector<Event> events) {
            ++answers;
            std::ranges::copy(texts(events), std::back_inserter(heard));
        });
    };
    listen("r", 100);
    listen("", 100);
    log.flush(50);
    EXPECT_EQ(answers, 0);
    log.add(2, "other", "x");
    EXPECT_EQ(answers, 0) << "never from within add()";
    log.flush(51);
    EXPECT_EQ(answers, 1);
    EXPECT_THAT(heard, ElementsAre("other:x"));
    log.flush(99);
    EXPECT_EQ(answers, 1);
    log.flush(100);
    EXPECT_EQ(answers, 2);
    EXPECT_THAT(heard, ElementsAre("other:x"));
    log.wait(0, "r", 1000, [&](const auto& events) { heard = texts(events); });
    EXPECT_THAT(heard, ElementsAre("r:old")) << "at once when there is something";
}

TEST(EventLog, TailsSurviveAsJsonWithinTheirBytes) {
    std::deque<Event> events;
    EventLog log;
    for (int i = 0; i < 100; ++i) events.push_back(log.add(1000 + i, "r", "event \"" + std::to_string(i) + "\""));
    const std::string tail = encode_tail(events, 500);
    EXPECT_LE(tail.size(), 500u);
    const auto back = decode_tail(tail, "r");
    ASSERT_GT(back.size(), 5u);
    EXPECT_EQ(back.back().id, events.back().id);
    EXPECT_EQ(back.back().text, "event \"99\"");
    EXPECT_EQ(back.front().unix_ms, events[100 - back.size()].unix_ms);
    EventLog next;
    next.add(9000, "r", "after the restart");
    for (const Event& e : back) next.restore(e);
    for (const Event& e : back) next.restore(e);  // twice is once
    EXPECT_EQ(next.after(0, "").size(), back.size() + 1);
    EXPECT_EQ(next.after(back.back().id, "").front().text, "after the restart");
    for (const char* nonsense : {"", "{}", "[1,2]", "[[1,2]]", "[[\"a\",1,\"x\"]]", "[[-1,1,\"x\"]]", "[[1,1,7]]", "[["})
        EXPECT_THAT(decode_tail(nonsense, "r"), IsEmpty()) << nonsense;
}

TEST(EventLog, ARoomsBlobIsReadWithAndWithoutEvents) {
    Room room;
    room.name = "r";
    room.id = 7;
    EXPECT_TRUE(decode_room(encode(room))->events.empty());
    EventLog log;
    for (int i = 0; i < 200; ++i) room.note(log.add(1'700'000'000'000 + i, "r", "viewer left: deleted by the peer"));
    const dpclient::Blob blob = encode(room);
    EXPECT_LT(blob.bytes.size(), 4096u);
    const auto back = decode_room(blob);
    ASSERT_TRUE(back);
    EXPECT_GT(back->events.size(), 15u);
    EXPECT_EQ(back->events.back().id, room.events.back().id);
}

class EventsTest : public test::World {
protected:
    // As the timer of the process does.
    void keep() {
        engine().tick_slow();
        settle();
    }
};

TEST_F(EventsTest, SurviveARestartOfTheControlPlaneWithTheirIds) {
    boot();
    test::Peer camera(test::golden(test::single_send), 5000);
    enter(camera, whip::Role::publish);
    engine().drain(true);
    keep();
    const auto before = engine().events().after(0, "");
    ASSERT_THAT(texts(before),
                testing::IsSupersetOf({"r:room created", "r:publisher connected", ":draining: new sessions are refused"}));
    life.reset();
    settle();
    skew_ns += 5'000'000'000;
    begin();
    const auto after = engine().events().after(0, "");
    ASSERT_GT(after.size(), before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(after[i].id, before[i].id);
        EXPECT_EQ(after[i].text, before[i].text);
    }
    EXPECT_THAT(
        texts(engine().events().after(before.back().id, "")),
        testing::UnorderedElementsAre("r:the control plane restarted", ":the control plane restarted: 1 sessions adopted"));
    EXPECT_TRUE(noted("publisher connected"));
}

TEST_F(EventsTest, TellWhatTheDataPlaneReports) {
    boot();
    test::Peer camera(test::golden(test::single_send), 5000);
    enter(camera, whip::Role::publish);
    abi::EventPath path;
    path.transport = camera.id;
    path.path = camera.flow;
    path.path.remote_port = 6001;
    engine().on_path(path);
    engine().on_path(path);
    abi::EventTransportSilent silent;
    silent.transport = camera.id;
    for (const std::uint32_t ms : {10'000u, 15'000u, 20'000u}) {
        silent.silent_ms = ms;
        engine().on_silent(silent);
    }
    abi::EventObservation observation;
    observation.kind = abi::ObserveKind::plaintext;
    observation.started = 1;
    observation.pid = 42;
    engine().on_observation(observation);
    const std::string id = session::hex_id(static_cast<std::uint64_t>(camera.id));
    const auto told = texts(engine().events().after(0, ""));
    EXPECT_EQ(std::ranges::count(told, "r:publisher " + id + " is at 192.0.2.9:6001 now"), 1);
    EXPECT_EQ(std::ranges::count_if(told, [](const std::string& t) { return t.find("silent") != std::string::npos; }), 1);
    EXPECT_THAT(told, testing::Contains(":a plaintext capture was started by uid 0, process 42"));

    plane->worker(1).events_lost = 4;
    engine().tick_meters();  // before our time
    plane->worker(1).events_lost = 7;
    engine().tick_meters();
    engine().tick_meters();
    plane->worker(1).events_lost = 9;
    engine().tick_meters();
    const auto lost = texts(engine().events().after(0, ""));
    EXPECT_EQ(std::ranges::count(lost, ":worker 1 lost 3 events"), 1);
    EXPECT_EQ(std::ranges::count(lost, ":worker 1 lost 2 events"), 1);

    plane->boot();
    ASSERT_TRUE(until([&] { return engine().not_ready().empty() && noted("the data plane restarted"); }));
    EXPECT_THAT(texts(engine().events().after(0, "")), testing::IsSupersetOf({":the data plane restarted"}));
}

}  // namespace
}  // namespace sluice::room
