#include "dataplane/media/leg_rewriter.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <unordered_map>

namespace sluice::media {
namespace {

constexpr std::int64_t ms = 1'000'000;
using Out = LegRewriter::Out;

TEST(LegRewriter, MapsNothingWithoutASource) {
    LegRewriter r;
    r.start(1000, 5);
    EXPECT_FALSE(r.map(1, 1, 0));
    EXPECT_FALSE(r.drop(1));
    EXPECT_FALSE(r.origin_of(1000));
}

TEST(LegRewriter, BehavesAsTheHeaderSays) {
    LegRewriter r;
    r.start(1000, 7'000);
    r.switch_source(50, 300, 0, 90'000);
    EXPECT_EQ(r.map(50, 300, 0), (Out{1000, 7'000}));
    EXPECT_EQ(r.map(51, 300, 0), (Out{1001, 7'000}));
    EXPECT_EQ(r.map(53, 310, 0), (Out{1003, 7'010}));
    EXPECT_TRUE(r.drop(54));
    EXPECT_EQ(r.map(55, 320, 0)->index, 1004u);
    EXPECT_EQ(r.map(52, 310, 0), (Out{1002, 7'010}));
    EXPECT_FALSE(r.map(54, 320, 0));
    r.switch_source(9000, 1, 0, 90'000);
    EXPECT_EQ(r.map(9000, 1, 0)->index, 1005u);
    EXPECT_FALSE(r.map(8999, 1, 0));
}

TEST(LegRewriter, TheShortWayIsMapForPacketsInOrder) {
    LegRewriter slow, fast;
    for (LegRewriter* r : {&slow, &fast}) {
        r->start(1000, 7'000);
        r->switch_source(50, 300, 0, 90'000);
    }
    std::mt19937 random(3);
    std::int64_t seq = 50;
    int short_ways = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto roll = random() % 100;
        if (roll < 2) {
            const auto from = static_cast<std::int64_t>(random() % 100'000);
            for (LegRewriter* r : {&slow, &fast}) r->switch_source(from, 17, i * ms, 90'000);
            seq = from;
        } else if (roll < 4) {
            EXPECT_EQ(slow.drop(seq), fast.drop(seq));
            ++seq;
        }
        const std::int64_t in = roll < 90 ? seq++ : seq + static_cast<std::int64_t>(random() % 40) - 20;
        const auto ts = static_cast<std::uint32_t>(in * 3000);
        const auto expected = slow.map(in, ts, i * ms);
        Out out;
        if (fast.map_next(in, ts, static_cast<std::uint32_t>(i), out)) {
            ++short_ways;
            EXPECT_EQ(expected, out);
        } else {
            EXPECT_EQ(fast.map(in, ts, i * ms), expected);
        }
        EXPECT_EQ(slow.next_index(), fast.next_index());
        EXPECT_EQ(slow.last_ts(), fast.last_ts());
    }
    EXPECT_GT(short_ways, 10'000);
}

TEST(LegRewriter, LeavesNoGapForARunOfDroppedPackets) {
    LegRewriter r;
    r.start(0, 0);
    r.switch_source(10, 0, 0, 90'000);
    (void)r.map(10, 0, 0);
    for (int i = 11; i < 20; ++i) EXPECT_TRUE(r.drop(i));
    r.skip(5);
    EXPECT_EQ(r.map(25, 0, 0)->index, 1u);
    EXPECT_EQ(r.source_seq_of(0), 10);
    EXPECT_EQ(r.source_seq_of(1), 25);
    EXPECT_FALSE(r.drop(25));
}

TEST(LegRewriter, KeepsAGapBeforeADroppedPacketOpen) {
    LegRewriter r;
    r.start(100, 0);
    r.switch_source(0, 0, 0, 90'000);
    (void)r.map(0, 0, 0);
    EXPECT_TRUE(r.drop(3));
    EXPECT_EQ(r.map(4, 0, 0)->index, 103u);
    EXPECT_EQ(r.map(2, 0, 0)->index, 102u);
    EXPECT_EQ(r.map(1, 0, 0)->index, 101u);
    EXPECT_FALSE(r.map(3, 0, 0));
}

TEST(LegRewriter, AdvancesTheTimestampByTheTimeThatPassed) {
    LegRewriter r;
    r.start(0, 1'000);
    r.switch_source(0, 500, 0, 90'000);
    (void)r.map(0, 500, 0);
    (void)r.map(1, 3'500, 33 * ms);
    r.switch_source(70, 4'000'000'000, 133 * ms, 90'000);
    EXPECT_EQ(r.map(70, 4'000'000'000, 133 * ms)->ts, 4'000u + 9'000u);
    r.switch_source(5, 9, 133 * ms, 90'000);
    EXPECT_EQ(r.map(5, 9, 133 * ms)->ts, 13'000u + 900u);
}

TEST(LegRewriter, ClosesUpAJumpOfTheSourceThatWouldLoseTheRolloverCounter) {
    LegRewriter r;
    r.start(0, 0);
    r.switch_source(0, 0, 0, 90'000);
    (void)r.map(0, 0, 0);
    EXPECT_EQ(r.map(20'000, 0, 0)->index, 2u);
    EXPECT_EQ(r.map(20'001, 0, 0)->index, 3u);
}

TEST(LegRewriter, FindsTheOriginAcrossSegmentsAndSources) {
    LegRewriter r;
    r.start((5ull << 16) - 2, 0);
    r.switch_source(100, 0, 0, 90'000);
    for (int i = 100; i < 104; ++i) (void)r.map(i, 0, 0);
    r.switch_source(7, 0, 0, 90'000);
    (void)r.map(7, 0, 0);
    const auto old = r.origin_of(1);
    ASSERT_TRUE(old);
    EXPECT_EQ(old->seq, 103);
    EXPECT_EQ(old->index, (5ull << 16) + 1);
    EXPECT_EQ(old->switches_ago, 1);
    EXPECT_FALSE(r.source_seq_of(1));
    EXPECT_EQ(r.source_seq_of(2), 7);
    EXPECT_FALSE(r.origin_of(3));
    EXPECT_FALSE(r.origin_of(65'533));
}

TEST(LegRewriter, GivesNoIndexBeyond48Bits) {
    LegRewriter r;
    r.start(LegRewriter::max_index, 0);
    r.switch_source(0, 0, 0, 90'000);
    EXPECT_TRUE(r.map(0, 0, 0));
    EXPECT_FALSE(r.map(1, 0, 0));
}

TEST(LegRewriter, NeverGivesAnIndexBelowTheReservation) {
    LegRewriter r;
    r.start(10, 0);
    r.switch_source(0, 0, 0, 90'000);
    (void)r.map(0, 0, 0);
    r.resume(512);
    EXPECT_FALSE(r.map(1, 0, 0));
    r.switch_source(1, 0, 0, 90'000);
    EXPECT_EQ(r.map(1, 0, 0)->index, 512u);
    r.resume(3);
    r.switch_source(2, 0, 0, 90'000);
    EXPECT_EQ(r.map(2, 0, 0)->index, 513u);
}

// The oracle remembers every pair that was ever given out, over several lives of the rewriter.
TEST(LegRewriter, NeverGivesAnIndexToTwoPacketsInTwoMillionRandomOperations) {
    std::mt19937_64 rng(11);
    struct Packet {
        int source;
        std::int64_t seq;
        std::uint32_t ts;
        bool operator==(const Packet&) const = default;
    };
    std::unordered_map<std::uint64_t, Packet> given;
    LegRewriter r;
    int source = 0;
    std::int64_t head = 1'000'000, now = 0;
    std::uint32_t head_ts = 99;
    std::uint64_t top = 0;
    r.start(70'000, 4'000'000'000);
    r.switch_source(head, head_ts, now, 90'000);
    std::uint64_t mapped = 0, late = 0, inverses = 0;
    const auto timestamp = [](int s, std::int64_t seq) { return static_cast<std::uint32_t>(s * 77'777 + seq * 300); };
    for (int i = 0; i < 2'000'000; ++i) {
        now += static_cast<std::int64_t>(rng() % 2) * ms;
        const auto dice = rng() % 1000;
        if (dice < 900) {
            std::int64_t seq = head;
            if (dice < 700) {
                seq = ++head;
            } else if (dice < 720) {
                head += static_cast<std::int64_t>(rng() % 40);
                seq = head;
            } else if (dice < 721) {
                head += static_cast<std::int64_t>(rng() % 32'000);
                seq = head;
            } else {
                seq = head - static_cast<std::int64_t>(rng() % (dice < 725 ? 40'000 : 60));
            }
            const bool in_order = seq == head;
            const Packet packet{source, seq, timestamp(source, seq)};
            const auto out = r.map(seq, packet.ts, now);
            if (!out) continue;
            ++mapped;
            const auto [at, fresh] = given.try_emplace(out->index, packet);
            ASSERT_EQ(at->second, packet) << "index " << out->index;
            ASSERT_LT(out->index, r.next_index());
            if (in_order && fresh) {
                ASSERT_GE(out->index, top);
            } else {
                ++late;
            }
            if (out->index + 1 > top) top = out->index + 1;
            if (const auto back = r.source_seq_of(static_cast<std::uint16_t>(out->index));
                back && top - out->index < 32'768) {
                ASSERT_EQ(*back, seq);
                ++inverses;
            }
        } else if (dice < 960) {
            const auto seq = head + 1 + static_cast<std::int64_t>(rng() % 3);
            if (r.drop(seq)) head = seq;
        } else if (dice < 990) {
            // skip() counts from the highest packet that was mapped or dropped, which is the head here.
            const auto n = rng() % 4;
            r.skip(static_cast<std::uint32_t>(n));
            head += static_cast<std::int64_t>(n);
        } else if (dice < 998) {
            ++source;
            head = static_cast<std::int64_t>(rng() % 65'536);
            r.switch_source(head, timestamp(source, head), now, 90'000);
        } else {
            const std::uint64_t reserved = r.next_index() + rng() % 512;
            if (dice == 998) {
                r.resume(reserved);
            } else {
                r.start(reserved, static_cast<std::uint32_t>(rng()));
            }
            top = std::max(top, reserved);
            ++source;
            r.switch_source(head, timestamp(source, head), now, 90'000);
        }
    }
    EXPECT_GT(mapped, 1'000'000u);
    EXPECT_GT(late, 10'000u);
    EXPECT_GT(inverses, 500'000u);
}

TEST(LegRewriter, AgreesWithAPlainOffsetWhenNothingHappens) {
    LegRewriter r;
    r.start(1ull << 20, 0);
    r.switch_source(65'000, 0, 0, 48'000);
    for (std::int64_t seq = 65'000; seq < 1'300'000; ++seq) {
        const auto out = r.map(seq, static_cast<std::uint32_t>(seq * 960), 0);
        ASSERT_TRUE(out);
        ASSERT_EQ(out->index, (1ull << 20) + static_cast<std::uint64_t>(seq - 65'000));
        ASSERT_EQ(r.source_seq_of(static_cast<std::uint16_t>(out->index)), seq);
    }
}

}  // namespace
}  // namespace sluice::media
