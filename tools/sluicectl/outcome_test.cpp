#include "tools/sluicectl/outcome.hpp"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(Envelope, CarriesTheVersionFirst) {
    Outcome outcome;
    outcome.data = {{"rooms", boost::json::array{}}};
    outcome.control_plane = PlaneState{true, {}};
    EXPECT_EQ(envelope("rooms", outcome, 42),
              "{\"version\":1,\"command\":\"rooms\",\"unix_ms\":42,\"exit_code\":0,\"control_plane\":{\"up\":true},\"data\":"
              "{\"rooms\":[]}}\n");
}

TEST(Envelope, NamesErrorAndReason) {
    Outcome outcome = Outcome::failed(Exit::data_plane_unreachable, "the data plane is down: \"x\"");
    outcome.data_plane = PlaneState{false, "no such file"};
    EXPECT_EQ(envelope("workers", outcome, 1),
              "{\"version\":1,\"command\":\"workers\",\"unix_ms\":1,\"exit_code\":3,\"error\":\"the data plane is down: "
              "\\\"x\\\"\","
              "\"data_plane\":{\"up\":false,\"reason\":\"no such file\"},\"data\":{}}\n");
}

TEST(Remarks, SayThatTheControlPlaneIsDownWhereTheVerbDidWithoutIt) {
    Outcome outcome;
    EXPECT_EQ(remarks(outcome), "");
    outcome.control_plane = PlaneState{false, "gone"};
    EXPECT_EQ(remarks(outcome), "sluicectl: the control plane is down (gone); this comes from the data plane alone\n");
    outcome.exit = Exit::data_plane_unreachable;
    outcome.error = "bad";
    EXPECT_EQ(remarks(outcome), "sluicectl: bad\nsluicectl: the control plane is down too (gone)\n");
    outcome.exit = Exit::control_plane_unreachable;
    EXPECT_EQ(remarks(outcome), "sluicectl: bad\n") << "said once";
}

}  // namespace
}  // namespace sluice::ctl
