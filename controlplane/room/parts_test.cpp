// The pure parts: layers and admission.
#include <gmock/gmock.h>

#include "controlplane/room/admission.hpp"
#include "controlplane/room/layer_choice.hpp"
#include "controlplane/room/overload.hpp"

namespace sluice::room {
namespace {

constexpr std::int64_t half = 500'000'000;

TEST(LayerChoice, TakesTheHighestLiveLayerUpTo720pInAnyOrder) {
    LayerChoice choice;
    std::vector<LayerSample> layers{{1000, 1920, 1080}, {900, 1280, 720}, {300, 640, 360}};
    EXPECT_TRUE(choice.update(layers, half));
    EXPECT_EQ(choice.chosen(), 1u);
}

TEST(LayerChoice, GoesDownARankWhenLessIsWantedAndUpAgain) {
    LayerChoice choice;
    const auto at = [](std::uint64_t bytes) {
        return std::vector<LayerSample>{{bytes, 320, 180}, {4 * bytes, 640, 360}, {16 * bytes, 1280, 720}};
    };
    constexpr std::int64_t s = 1'000'000'000;
    EXPECT_TRUE(choice.update(at(100), 1 * s));
    EXPECT_EQ(choice.chosen(), 2u);
    EXPECT_TRUE(choice.update(at(200), 4 * s, 1));
    EXPECT_EQ(choice.chosen(), 1u);
    EXPECT_TRUE(choice.update(at(300), 7 * s, 9)) << "no lower than there is";
    EXPECT_EQ(choice.chosen(), 0u);
    EXPECT_TRUE(choice.update(at(400), 10 * s));
    EXPECT_EQ(choice.chosen(), 2u);
}

TEST(Overload, EachRungIsReachedAtOneLineAndLeftAtALowerOne) {
    Overload o;
    EXPECT_FALSE(o.full.update(0.79));
    EXPECT_TRUE(o.full.update(0.81));
    EXPECT_TRUE(o.full.on());
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(o.full.update(i % 2 == 0 ? 0.65 : 0.75)) << "it flutters";
    EXPECT_FALSE(o.full.update(0.65));
    EXPECT_TRUE(o.full.update(0.65));
    EXPECT_FALSE(o.full.on());

    EXPECT_FALSE(o.strained.update(0.95));
    EXPECT_FALSE(o.strained.update(0.85)) << "one second is a peak";
    EXPECT_FALSE(o.strained.update(0.95));
    EXPECT_TRUE(o.strained.update(0.95));
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(o.strained.update(0.5));
    EXPECT_TRUE(o.strained.update(0.5));
    EXPECT_FALSE(o.strained.on());
}

TEST(LayerChoice, OfAPortraitPictureTheWidthCounts) {
    LayerChoice choice;
    const std::vector<LayerSample> layers{{300, 360, 640}, {900, 720, 1280}};
    EXPECT_TRUE(choice.update(layers, half));
    EXPECT_EQ(choice.chosen(), 1u);
}

TEST(LayerChoice, ComparesBytesUntilSizesAreKnown) {
    LayerChoice choice;
    const std::vector<LayerSample> layers{{300, 0, 0}, {900, 0, 0}, {0, 0, 0}};
    EXPECT_TRUE(choice.update(layers, half));
    EXPECT_EQ(choice.chosen(), 1u);
}

TEST(LayerChoice, KeepsTheOnlyLiveLayerEvenAbove720p) {
    LayerChoice choice;
    const std::vector<LayerSample> layers{{0, 0, 0}, {900, 1920, 1080}};
    EXPECT_TRUE(choice.update(layers, half));
    EXPECT_EQ(choice.chosen(), 1u);
}

TEST(LayerChoice, LeavesADeadLayerAtOnceButGoesUpSlowly) {
    LayerChoice choice;
    std::vector<LayerSample> layers{{100, 320, 180}, {100, 640, 360}};
    std::int64_t now = half;
    EXPECT_TRUE(choice.update(layers, now));
    EXPECT_EQ(choice.chosen(), 1u);
    int steps = 0;
    while (choice.chosen() == 1u && steps++ < 20) {
        layers[0].bytes += 100;
        choice.update(layers, now += half);
    }
    EXPECT_EQ(choice.chosen(), 0u);
    EXPECT_LE(steps, 4);
    layers[0].bytes += 100;
    layers[1].bytes += 100;
    EXPECT_FALSE(choice.update(layers, now += half));
}

DataPlaneLimits ready() {
    return {.ready = true, .reason = {}, .transports = 100, .sources = 100, .legs = 100};
}

TEST(Admission, AcceptsWithinTheBudget) {
    EXPECT_FALSE(admit(session::Role::viewer, {.egress_bps = 10e6}, {.egress_bps = 5e6, .room_bps = 2e6}, ready()));
}

TEST(Admission, RefusesAViewerWhoseRoomDoesNotFitTheRest) {
    const auto refusal = admit(session::Role::viewer, {.egress_bps = 10e6}, {.egress_bps = 9e6, .room_bps = 2e6}, ready());
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason, AdmissionReason::egress);
    EXPECT_THAT(refusal->detail, testing::HasSubstr("9.0 of 10.0 Mbit/s"));
    EXPECT_FALSE(admit(session::Role::publisher, {.egress_bps = 10e6}, {.egress_bps = 9e6, .room_bps = 2e6}, ready()));
}

TEST(Admission, KnowsTheTablesOfTheDataPlaneAndWhetherItIsThere) {
    EXPECT_EQ(admit(session::Role::viewer, {}, {.legs = 95}, ready())->reason, AdmissionReason::data_plane);
    EXPECT_EQ(admit(session::Role::publisher, {}, {.sources = 95}, ready())->reason, AdmissionReason::data_plane);
    EXPECT_EQ(admit(session::Role::viewer, {}, {}, {.ready = false, .reason = "gone"})->reason, AdmissionReason::not_ready);
}

TEST(Admission, RefusesJoinsThatComeFasterThanTheyGetConnectedForAMoment) {
    const auto refusal = admit(session::Role::viewer, {.joins = 100}, {.joins = 100}, ready());
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason, AdmissionReason::joins);
    EXPECT_EQ(refusal->retry_after_s, 1);
    EXPECT_THAT(refusal->detail, testing::HasSubstr("100 joins are under way"));
    EXPECT_FALSE(admit(session::Role::viewer, {.joins = 100}, {.joins = 99}, ready()));
    const auto behind = admit(session::Role::publisher, {}, {.handshake_wait_ns = 1'500'000'000}, ready());
    ASSERT_TRUE(behind);
    EXPECT_EQ(behind->reason, AdmissionReason::joins);
    EXPECT_THAT(behind->detail, testing::HasSubstr("1500 ms behind"));
}

TEST(Admission, RefusesWhenEveryWorkerIsBusyOrTheRoomIsFull) {
    EXPECT_EQ(admit(session::Role::viewer, {}, {.full = true, .least_busy = 0.9}, ready())->reason, AdmissionReason::busy);
    EXPECT_FALSE(admit(session::Role::viewer, {}, {.least_busy = 0.75}, ready()));
    EXPECT_EQ(admit(session::Role::viewer, {.viewers_per_room = 3}, {.room_viewers = 3}, ready())->reason,
              AdmissionReason::viewers_per_room);
    EXPECT_EQ(admit(session::Role::viewer, {.rooms = 1}, {.rooms = 1, .room_is_new = true}, ready())->reason,
              AdmissionReason::rooms);
}

}  // namespace
}  // namespace sluice::room
