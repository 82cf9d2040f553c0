#include "perf/lib/slices.hpp"

#include <gtest/gtest.h>

namespace sluice::perf {
namespace {

// A meter on a clock of the test's: 1 tick is a nanosecond as far as the rate of this machine's TSC allows.
class Slices : public testing::Test {
protected:
    void burst(double us, std::uint64_t packets, std::uint64_t finished) {
        now_ += static_cast<std::uint64_t>(us * ticks_per_us_);
        meter_.sight_at(now_, packets, finished);
    }
    // Bursts of 64 packets, `us` each, until `n` slices are closed.
    void slices(std::size_t n, double us) {
        for (const std::size_t end = meter_.closed() + n; meter_.closed() < end;) burst(us, 64, 64);
    }

    TscClock clock_ = TscClock::calibrate(1'000'000);
    double ticks_per_us_ = static_cast<double>(clock_.ticks_of_ns(1'000'000)) / 1000;
    SliceMeter meter_{clock_};
    std::uint64_t now_ = 1;

    void SetUp() override {
        meter_.begin_turn();
        meter_.resume_at(now_);
        slices(1, 10);  // the warming slice
    }
};

TEST_F(Slices, TheFirstSliceOfATurnIsNotKept) {
    EXPECT_EQ(meter_.slices(), 0u);
    slices(2, 10);
    EXPECT_EQ(meter_.slices(), 2u);
    meter_.begin_turn();
    slices(1, 10);
    EXPECT_EQ(meter_.slices(), 2u);
}

TEST_F(Slices, WarmingEndsAfterAGapOrFourMilliseconds) {
    meter_.begin_turn();
    const std::uint64_t start = now_;
    slices(1, 10);
    EXPECT_NEAR(static_cast<double>(now_ - start) / ticks_per_us_, 4000, 20);
    meter_.begin_turn();
    for (int i = 0; i < 150; ++i) burst(10, 64, 64);
    EXPECT_EQ(meter_.closed(), 0u);
    burst(50, 64, 64);
    EXPECT_EQ(meter_.closed(), 1u);
    EXPECT_EQ(meter_.slices(), 0u);
}

TEST_F(Slices, ASliceEndsAfterAMillisecondOfWork) {
    const std::uint64_t start = now_;
    slices(5, 10);
    EXPECT_NEAR(static_cast<double>(now_ - start) / ticks_per_us_, 5000, 100);
    for (const Slice& s : meter_.clean()) EXPECT_NEAR(s.ticks, 10 * ticks_per_us_ / 64, 1);
}

TEST_F(Slices, LongBurstsAreNoGaps) {
    meter_ = SliceMeter(clock_);
    meter_.begin_turn();
    slices(21, 60);
    EXPECT_EQ(meter_.slices(), 20u);
    EXPECT_LE(meter_.dropped(), 2u) << "the usual length has to be learned";
    EXPECT_FALSE(meter_.tainted());
}

TEST_F(Slices, AStretchThatIsDisturbedThroughoutIsNotTakenForUsual) {
    slices(5, 10);
    slices(50, 10 + 25);
    EXPECT_EQ(meter_.dropped(), 50u);
}

TEST_F(Slices, MoreThanTwentyMicrosecondsInsideABurstAreAGap) {
    burst(10 + 25, 64, 64);
    slices(1, 10);
    EXPECT_EQ(meter_.dropped(), 1u);
    burst(10 + 15, 64, 64);
    slices(1, 10);
    EXPECT_EQ(meter_.slices(), 2u);
    EXPECT_EQ(meter_.dropped(), 1u);
}

TEST_F(Slices, PausedTimeIsNobodysWork) {
    burst(0, 0, 0);
    now_ += static_cast<std::uint64_t>(5'000 * ticks_per_us_);
    meter_.resume_at(now_);
    slices(1, 10);
    EXPECT_EQ(meter_.dropped(), 0u);
    EXPECT_NEAR(meter_.clean().front().ticks, 10 * ticks_per_us_ / 64, 1);
}

TEST_F(Slices, KindsOfWorkAreToldApart) {
    for (const std::size_t end = meter_.closed() + 1; meter_.closed() < end;) {
        now_ += static_cast<std::uint64_t>(4 * ticks_per_us_);
        meter_.sight_at(now_, 8, 0, 0);
        now_ += static_cast<std::uint64_t>(16 * ticks_per_us_);
        meter_.sight_at(now_, 8, 8, 1);
    }
    ASSERT_EQ(meter_.clean().size(), 1u);
    EXPECT_NEAR(meter_.clean()[0].by_kind[1] / meter_.clean()[0].by_kind[0], 4, 0.1);
}

TEST_F(Slices, MoreThanAQuarterDroppedTaints) {
    EXPECT_TRUE(meter_.tainted()) << "nothing was measured yet";
    slices(6, 10);
    EXPECT_FALSE(meter_.tainted());
    for (int i = 0; i < 2; ++i) {
        burst(100, 64, 64);
        slices(1, 10);
    }
    EXPECT_FALSE(meter_.tainted()) << "2 of 8 is a quarter, not more";
    burst(100, 64, 64);
    slices(1, 10);
    EXPECT_TRUE(meter_.tainted());
}

}  // namespace
}  // namespace sluice::perf
