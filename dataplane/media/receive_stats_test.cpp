#include "dataplane/media/receive_stats.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sluice::media {
namespace {

constexpr std::int64_t ms = 1'000'000;

TEST(ReceiveStats, ReportsZerosBeforeAnything) {
    ReceiveStats s;
    const auto r = s.report(7, 1000 * ms);
    EXPECT_EQ(r.ssrc, 7u);
    EXPECT_EQ(r.fraction_lost, 0);
    EXPECT_EQ(r.cumulative_lost, 0);
    EXPECT_EQ(r.last_sr, 0u);
    EXPECT_EQ(r.delay_since_last_sr, 0u);
}

TEST(ReceiveStats, CountsLossPerIntervalAndInTotal) {
    ReceiveStats s;
    for (int i = 0; i < 100; ++i) {
        if (i % 4 != 1) s.on_packet(static_cast<std::uint16_t>(65'500 + i), 0, 0);
    }
    auto r = s.report(1, 0);
    EXPECT_EQ(r.cumulative_lost, 25);
    EXPECT_EQ(r.fraction_lost, 64);
    EXPECT_EQ(r.highest_sequence, 65'599u);
    for (int i = 100; i < 200; ++i) s.on_packet(static_cast<std::uint16_t>(65'500 + i), 0, 0);
    r = s.report(1, 0);
    EXPECT_EQ(r.fraction_lost, 0);
    EXPECT_EQ(r.cumulative_lost, 25);
}

TEST(ReceiveStats, GoesNegativeWithDuplicates) {
    ReceiveStats s;
    s.on_packet(1, 0, 0);
    s.on_packet(1, 0, 0);
    const auto r = s.report(1, 0);
    EXPECT_EQ(r.cumulative_lost, -1);
    EXPECT_EQ(r.fraction_lost, 0);
}

TEST(ReceiveStats, AgreesWithASetOverRandomArrivals) {
    std::mt19937_64 rng(5);
    ReceiveStats s;
    std::set<std::int64_t> seen;
    std::int64_t head = 65'000;
    std::uint64_t packets = 0;
    const std::int64_t base = head;
    s.on_packet(static_cast<std::uint16_t>(head), 0, 0);
    seen.insert(head);
    ++packets;
    for (int i = 0; i < 200'000; ++i) {
        head += static_cast<std::int64_t>(rng() % 3);
        const auto seq = std::max(base, head - static_cast<std::int64_t>(rng() % 10));
        ASSERT_EQ(s.on_packet(static_cast<std::uint16_t>(seq), 0, 0), seq);
        seen.insert(seq);
        ++packets;
        head = std::max(head, seq);
        ASSERT_EQ(s.lost(), *seen.rbegin() - base + 1 - static_cast<std::int64_t>(packets));
    }
}

TEST(ReceiveStats, MeasuresJitterInClockUnits) {
    ReceiveStats s(90'000);
    // Frames of 3000 units arrive alternately 10 ms early and late: |D| is 1800 units each time.
    for (int i = 0; i < 400; ++i) {
        s.on_packet(static_cast<std::uint16_t>(i),
                    static_cast<std::uint32_t>(4'294'960'000u + 3000u * static_cast<unsigned>(i)),
                    i * 33'333'333LL + (i % 2 == 0 ? 0 : 20 * ms));
    }
    EXPECT_NEAR(s.jitter(), 1800, 10);
}

TEST(ReceiveStats, SeesNoJitterInAPacedFrame) {
    ReceiveStats s(90'000);
    std::uint16_t seq = 0;
    for (int frame = 0; frame < 100; ++frame) {
        for (int k = 0; k < 10; ++k) {
            s.on_packet(seq++, static_cast<std::uint32_t>(frame) * 3000, frame * 33'333'333LL + k * ms);
        }
    }
    EXPECT_LE(s.jitter(), 1u);
}

TEST(ReceiveStats, EchoesTheLastSenderReport) {
    ReceiveStats s;
    s.on_packet(1, 0, 0);
    s.on_sender_report(0x1122'3344'5566'7788, 1000 * ms);
    const auto r = s.report(1, 1500 * ms);
    EXPECT_EQ(r.last_sr, 0x3344'5566u);
    EXPECT_EQ(r.delay_since_last_sr, 32'768u);
    EXPECT_EQ(round_trip_ns(0x3344'5566u + 32'768u + 6'554u, r.last_sr, r.delay_since_last_sr) / ms, 100);
    EXPECT_EQ(round_trip_ns(1, 0, 0), 0);
    EXPECT_EQ(round_trip_ns(5, 10, 0), 0);
}

}  // namespace
}  // namespace sluice::media
