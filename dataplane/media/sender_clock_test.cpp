#include "dataplane/media/sender_clock.hpp"

#include <gtest/gtest.h>

#include "dataplane/media/leg_rewriter.hpp"

namespace sluice::media {
namespace {

constexpr std::int64_t ms = 1'000'000;

TEST(Ntp, ConvertsFromUnixAndAddsBothWays) {
    EXPECT_EQ(ntp_from_unix_ns(0) >> 32, 2'208'988'800u);
    EXPECT_EQ(ntp_from_unix_ns(500 * ms) & 0xffff'ffff, 0x8000'0000u);
    EXPECT_EQ(ntp_add_ns(ntp_from_unix_ns(1500 * ms), -2250 * ms), ntp_from_unix_ns(0) - (3ull << 30));
    EXPECT_EQ(ntp_middle(0x1122'3344'5566'7788), 0x3344'5566u);
}

TEST(SenderClock, SaysNothingBeforeItKnowsAnything) {
    SenderClock c;
    EXPECT_FALSE(c.at(5));
    EXPECT_FALSE(c.for_leg(5, 1));
}

TEST(SenderClock, ExtrapolatesThePublishersReport) {
    SenderClock c(48'000);
    c.on_sender_report(10ull << 32, 4'294'967'000u, 1000 * ms);
    const auto t = c.for_leg(1500 * ms, 100);
    ASSERT_TRUE(t);
    EXPECT_EQ(t->ntp, (10ull << 32) + (1ull << 31));
    EXPECT_EQ(t->rtp_ts, 4'294'967'000u + 24'000u + 100u);
}

TEST(SenderClock, StandsInWithTheLocalClockUntilTheFirstReport) {
    SenderClock c(90'000);
    c.on_packet(1'000, 0, 5'000 * ms);
    c.on_packet(99'999, 700 * ms, 5'700 * ms);
    EXPECT_FALSE(c.has_sender_report());
    const auto t = c.at(1000 * ms);
    EXPECT_EQ(t->ntp, ntp_from_unix_ns(6'000 * ms));
    EXPECT_EQ(t->rtp_ts, 91'000u);
    c.on_sender_report(7ull << 32, 5, 1000 * ms);
    EXPECT_EQ(c.at(1000 * ms)->ntp, 7ull << 32);
}

// The same instant of the publisher must keep the same NTP time in audio and video, whatever the legs' offsets are and
// however late either report arrived here.
TEST(SenderClock, KeepsLipSyncThroughRewritingAndUnequalDelays) {
    const std::uint64_t publisher_ntp = 3'900'000'000ull << 32;
    SenderClock audio(48'000), video(90'000);
    audio.on_sender_report(publisher_ntp, 48'000, 20 * ms);
    video.on_sender_report(ntp_add_ns(publisher_ntp, 1000 * ms), 270'000, 1175 * ms);

    LegRewriter audio_leg, video_leg;
    audio_leg.start(0, 1'000'000);
    audio_leg.switch_source(0, 40'000, 0, 48'000);
    video_leg.start(0, 3'000'000'000u);
    video_leg.switch_source(0, 100'000, 0, 90'000);

    const auto a = audio.for_leg(5000 * ms, audio_leg.ts_delta());
    const auto v = video.for_leg(5300 * ms, video_leg.ts_delta());
    // The NTP time at which the publisher captured its instant "3 s after the audio report", as a viewer computes it.
    const auto capture = [](const SrTimes& sr, std::uint32_t ts, std::int64_t hz) {
        const auto units = static_cast<std::int64_t>(static_cast<std::int32_t>(ts - sr.rtp_ts));
        return ntp_add_ns(sr.ntp, units * 1'000'000'000 / hz);
    };
    const auto audio_ntp = capture(*a, 48'000 + 3 * 48'000 + audio_leg.ts_delta(), 48'000);
    const auto video_ntp = capture(*v, 270'000 + 2 * 90'000 + video_leg.ts_delta(), 90'000);
    const auto off_ns = static_cast<std::int64_t>(audio_ntp - video_ntp) * 1'000'000'000 / (std::int64_t{1} << 32);
    EXPECT_LT(std::abs(off_ns), 100'000);
}

}  // namespace
}  // namespace sluice::media
