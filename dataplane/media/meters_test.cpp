#include "dataplane/media/meters.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace sluice::media {
namespace {

constexpr std::int64_t ms = 1'000'000;

TEST(BitrateMeter, IsZeroWithoutTraffic) {
    BitrateMeter m;
    EXPECT_EQ(m.bits_per_second(5'000 * ms), 0u);
}

TEST(BitrateMeter, ReadsASteadyStreamExactly) {
    BitrateMeter m;
    for (int t = 0; t < 3000; t += 10) m.add(1250, t * ms);
    EXPECT_EQ(m.bits_per_second(3000 * ms), 1'000'000u);
}

TEST(BitrateMeter, IsRightSoonAfterTheStart) {
    BitrateMeter m;
    for (int t = 0; t < 300; t += 10) m.add(1250, t * ms);
    EXPECT_EQ(m.bits_per_second(300 * ms), 1'000'000u);
}

TEST(BitrateMeter, FallsToZeroASecondAfterTheEnd) {
    BitrateMeter m;
    m.add(1'000, 0);
    EXPECT_EQ(m.bits_per_second(900 * ms), 8'888u);
    EXPECT_EQ(m.bits_per_second(1'100 * ms), 0u);
    m.add(1'000, 90'000 * ms);
    EXPECT_EQ(m.bits_per_second(90'500 * ms), 16'000u);
}

TEST(BitrateMeter, AgreesWithAListOfPackets) {
    std::mt19937_64 rng(9);
    BitrateMeter m;
    std::deque<std::pair<std::int64_t, std::uint32_t>> packets;
    std::int64_t now = 0;
    m.add(1, now);
    packets.emplace_back(now, 1);
    for (int i = 0; i < 100'000; ++i) {
        now += static_cast<std::int64_t>(rng() % (40 * ms));
        const auto bytes = static_cast<std::uint32_t>(rng() % 1500);
        m.add(bytes, now);
        packets.emplace_back(now, bytes);
        const std::int64_t bucket = now / (100 * ms);
        if (bucket < 10) continue;
        while (packets.front().first / (100 * ms) < bucket - 10) packets.pop_front();
        std::uint64_t sum = 0;
        for (const auto& [at, size] : packets) sum += at / (100 * ms) < bucket ? size : 0;
        ASSERT_EQ(m.bits_per_second(now), sum * 8);
    }
}

TEST(LossMeter, SmoothsReports) {
    LossMeter m;
    EXPECT_EQ(m.ratio(), 0);
    m.on_fraction(128);
    EXPECT_DOUBLE_EQ(m.ratio(), 0.5);
    m.on_counts(100, 0);
    EXPECT_DOUBLE_EQ(m.ratio(), 0.375);
    m.on_counts(0, 0);
    EXPECT_DOUBLE_EQ(m.ratio(), 0.375);
}

}  // namespace
}  // namespace sluice::media
