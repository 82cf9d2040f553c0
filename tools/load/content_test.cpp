#include "tools/load/content.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <array>

#include "dataplane/media/frame_info.hpp"
#include "tools/load/first_picture.hpp"
#include "tools/load/gap_tracker.hpp"
#include "tools/load/histogram.hpp"
#include "tools/load/recent_indices.hpp"

namespace sluice::loadgen {
namespace {

constexpr Content some{0x12345678, 99, 1234567890123};

TEST(Content, VideoIsReadAsItWasWritten) {
    std::array<std::uint8_t, 200> payload{};
    write_video(payload, {true, true, 7}, some);
    const auto read = read_video(payload);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->content, some);
    EXPECT_TRUE(read->keyframe_start);
}

TEST(Content, AnSfuSeesVp8KeyFramesWhereTheyAre) {
    std::array<std::uint8_t, 200> payload{};
    for (const auto& [start, key] : {std::pair{true, true}, {true, false}, {false, true}}) {
        write_video(payload, {start, key, 7}, some);
        const media::FrameInfo info = media::frame_info(media::Codec::vp8, payload, {});
        EXPECT_TRUE(info.valid);
        EXPECT_EQ(info.frame_start, start);
        EXPECT_EQ(info.keyframe_start, start && key);
        if (start && key) EXPECT_EQ(info.width, 640);
    }
}

TEST(Content, NoticesEveryChangedByte) {
    std::array<std::uint8_t, 80> payload{};
    write_audio(payload, some);
    for (std::size_t i = 0; i < payload.size(); ++i) {
        payload[i] ^= 0x40;
        EXPECT_FALSE(read_audio(payload)) << i;
        payload[i] ^= 0x40;
    }
    EXPECT_TRUE(read_audio(payload));
    EXPECT_FALSE(read_audio(ByteView{payload}.first(20)));
}

using Step = GapTracker::Step;

TEST(GapTracker, FillsAGapOnce) {
    GapTracker gaps;
    EXPECT_EQ(gaps.observe(10, 0), Step::first);
    EXPECT_EQ(gaps.observe(11, 0), Step::next);
    EXPECT_EQ(gaps.observe(14, 0), Step::gap);
    EXPECT_EQ(gaps.width(), 2u);
    EXPECT_EQ(gaps.lost(), 2u);
    EXPECT_EQ(gaps.observe(12, 0), Step::filled);
    EXPECT_EQ(gaps.observe(12, 0), Step::regression);
    EXPECT_TRUE(gaps.fill(13));
    EXPECT_EQ(gaps.lost(), 0u);
}

TEST(GapTracker, AsksAfterAPauseAndAgainAndGivesUp) {
    GapTracker gaps;
    (void)gaps.observe(65534, 0);
    (void)gaps.observe(65537, 0);
    EXPECT_TRUE(gaps.due_nacks(10'000'000).empty());
    EXPECT_EQ(gaps.due_nacks(20'000'000), (std::vector<std::uint16_t>{65535, 0}));
    EXPECT_TRUE(gaps.due_nacks(50'000'000).empty());
    EXPECT_EQ(gaps.due_nacks(120'000'000).size(), 2u);
    gaps.expire(GapTracker::patience_ns + 1);
    EXPECT_TRUE(gaps.due_nacks(INT64_MAX / 2).empty());
    EXPECT_EQ(gaps.lost(), 2u);
    EXPECT_EQ(gaps.observe(65535, 0), Step::regression) << "far too late";
}

TEST(GapTracker, WaitsLongerWhenItsReceiverStoodStill) {
    GapTracker gaps;
    (void)gaps.observe(1, 0);
    (void)gaps.observe(3, 0);
    gaps.excuse(5'000'000'000);
    gaps.expire(5'000'000'000 + GapTracker::patience_ns);
    EXPECT_EQ(gaps.due_nacks(INT64_MAX / 2).size(), 1u);
    gaps.expire(5'000'000'000 + GapTracker::patience_ns + 1);
    EXPECT_TRUE(gaps.due_nacks(INT64_MAX / 2).empty());
}

TEST(GapTracker, DoesNotAskForAJump) {
    GapTracker gaps;
    (void)gaps.observe(1, 0);
    EXPECT_EQ(gaps.observe(514, 0), Step::jump);
    EXPECT_TRUE(gaps.due_nacks(INT64_MAX / 2).empty());
    EXPECT_EQ(gaps.lost(), 512u);
    EXPECT_EQ(gaps.observe(400, 0), Step::regression);
    gaps.forgive();
    EXPECT_EQ(gaps.lost(), 0u);
    EXPECT_EQ(gaps.forgiven(), 512u);
}

TEST(RecentIndices, RemembersTheLastOnes) {
    RecentIndices recent(8);
    EXPECT_FALSE(recent.find(3));
    recent.note(3, 33);
    EXPECT_EQ(recent.find(3), 33u);
    EXPECT_FALSE(recent.find(11));
    recent.note(11, 1);
    EXPECT_FALSE(recent.find(3));
    EXPECT_EQ(recent.highest(), 11u);
}

TEST(Histogram, GivesPercentilesOfAnySizeOfValue) {
    std::mt19937_64 random(7);
    std::vector<std::uint64_t> values;
    Histogram histogram;
    for (int i = 0; i < 20000; ++i) {
        values.push_back(random() >> (1 + random() % 60));
        histogram.add(static_cast<std::int64_t>(values.back()));
    }
    std::sort(values.begin(), values.end());
    EXPECT_EQ(histogram.count(), values.size());
    EXPECT_EQ(histogram.max(), values.back());
    for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto exact = values[static_cast<std::size_t>(std::ceil(share * 20000)) - 1];
        EXPECT_GE(histogram.percentile(share), exact) << share;
        EXPECT_LE(histogram.percentile(share), exact + exact / 32) << share;
    }
    histogram.clear();
    EXPECT_EQ(histogram.percentile(0.5), 0u);
    histogram.add(-5);
    EXPECT_EQ(histogram.percentile(1), 0u) << "clocks may differ by a little";
}

TEST(FirstPicture, IsCompleteWithAllPacketsOfOneKeyFrame) {
    FirstPicture picture;
    EXPECT_FALSE(picture.observe(9, 100, false, true)) << "the end of an inter frame";
    EXPECT_FALSE(picture.observe(10, 200, true, false));
    EXPECT_FALSE(picture.observe(12, 200, false, true)) << "11 is missing";
    EXPECT_FALSE(picture.observe(13, 300, false, true)) << "an inter frame cannot be decoded without it";
    EXPECT_TRUE(picture.observe(11, 200, false, false)) << "by RTX";
    EXPECT_TRUE(picture.complete());
}

TEST(FirstPicture, MayBeOnePacket) {
    FirstPicture picture;
    EXPECT_TRUE(picture.observe(1, 5, true, true));
}

TEST(FirstPicture, ForgetsAKeyFrameThatStaysIncomplete) {
    FirstPicture picture;
    EXPECT_FALSE(picture.observe(1, 0, true, false));
    for (std::uint32_t frame = 1; frame < 9; ++frame) EXPECT_FALSE(picture.observe(10 + frame, frame, false, true));
    EXPECT_FALSE(picture.observe(20, 50, true, false));
    EXPECT_TRUE(picture.observe(21, 50, false, true));
}

}  // namespace
}  // namespace sluice::loadgen
