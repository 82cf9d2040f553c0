#include "dataplane/media/unwrap.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice::media {
namespace {

TEST(Unwrapper, CrossesTheRolloverBothWays) {
    SeqUnwrapper u;
    EXPECT_EQ(u.unwrap(65'534), 65'534);
    EXPECT_EQ(u.unwrap(1), 65'537);
    EXPECT_EQ(u.unwrap(65'535), 65'535);
    EXPECT_EQ(u.highest(), 65'537);
}

TEST(Unwrapper, PutsAnOlderFirstPacketBelowZero) {
    SeqUnwrapper u;
    EXPECT_EQ(u.unwrap(0), 0);
    EXPECT_EQ(u.unwrap(65'535), -1);
    EXPECT_EQ(static_cast<std::uint16_t>(u.peek(65'535)), 65'535);
}

TEST(Unwrapper, PeekChangesNothing) {
    TimestampUnwrapper u;
    (void)u.unwrap(10);
    EXPECT_EQ(u.peek(5'000), 5'000);
    EXPECT_EQ(u.highest(), 10);
}

TEST(Unwrapper, FollowsARandomWalkOfAMillionSteps) {
    std::mt19937_64 rng(1);
    SeqUnwrapper seqs;
    TimestampUnwrapper stamps;
    std::int64_t seq = 40'000, ts = 4'000'000'000;
    EXPECT_EQ(seqs.unwrap(static_cast<std::uint16_t>(seq)), seq);
    EXPECT_EQ(stamps.unwrap(static_cast<std::uint32_t>(ts)), ts);
    for (int i = 0; i < 1'000'000; ++i) {
        const auto s = seq + static_cast<std::int64_t>(rng() % 2'000) - 900;
        const auto t = ts + static_cast<std::int64_t>(rng() % 2'000'000'000) - 900'000'000;
        ASSERT_EQ(seqs.unwrap(static_cast<std::uint16_t>(s)), s);
        ASSERT_EQ(stamps.unwrap(static_cast<std::uint32_t>(t)), t);
        seq = std::max(seq, s);
        ts = std::max(ts, t);
    }
}

}  // namespace
}  // namespace sluice::media
