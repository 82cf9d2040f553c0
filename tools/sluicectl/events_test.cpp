// `events --follow` against a control plane that comes and goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/sluicectl/test_support.hpp"

namespace sluice::ctl {
namespace {

using testing::HasSubstr;

class EventsTest : public CtlTest {};

std::vector<boost::json::object> lines_of(const Ran& ran) {
    std::vector<boost::json::object> lines;
    std::istringstream in(ran.out);
    for (std::string line; std::getline(in, line);) lines.push_back(boost::json::parse(line).as_object());
    return lines;
}

TEST_F(EventsTest, FollowBeginsWithWhatIsRememberedAndAsksForWhatIsYounger) {
    AdminThread control_plane(
        admin_path(),
        {{"GET /v1/events?after=0&wait_ms=0",
          AdminThread::json(
              R"({"version":1,"last":7,"events":[{"id":5,"unix_ms":1,"room":"r","text":"one"},{"id":7,"unix_ms":2,"text":"two"}]})")},
         {"GET /v1/events?after=7&wait_ms=500",
          AdminThread::json(
              R"({"version":1,"last":9,"events":[{"id":7,"unix_ms":2,"text":"two"},{"id":9,"unix_ms":3,"room":"r","text":"three"}]})")},
         {"GET /v1/events?after=9&wait_ms=500", AdminThread::json(R"({"version":1,"last":9,"events":[]})")}});
    const Ran ran = ctl({"events", "--follow", "--seconds", "0.3", "--json"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    const auto lines = lines_of(ran);
    ASSERT_EQ(lines.size(), 4u) << ran.out;
    EXPECT_EQ(lines[0].at("text").as_string(), "one");
    EXPECT_EQ(lines[0].at("room").as_string(), "r");
    EXPECT_EQ(lines[0].at("source").as_string(), "control_plane");
    EXPECT_EQ(lines[1].at("text").as_string(), "two");
    EXPECT_FALSE(lines[1].contains("room"));
    EXPECT_EQ(lines[2].at("text").as_string(), "three");
    EXPECT_EQ(lines[3].at("command").as_string(), "events") << "the last line is the common document";
}

TEST_F(EventsTest, FollowGoesOnWithoutTheControlPlaneAndSaysSo) {
    DataPlaneThread plane(control());
    plane.start();
    const Ran ran = ctl({"events", "--follow", "--seconds", "0.3"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("the control plane is down"));
    EXPECT_THAT(ran.err, HasSubstr("from the data plane alone"));
}

TEST_F(EventsTest, FollowWithNeitherPlaneIs4) {
    const Ran ran = ctl({"events", "--follow", "--seconds", "5"});
    EXPECT_EQ(ran.exit, 4);
    EXPECT_THAT(ran.err, HasSubstr("both planes are down"));
}

}  // namespace
}  // namespace sluice::ctl
