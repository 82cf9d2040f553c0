#include "dataplane/srtp/replay.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sluice::srtp {
namespace {

TEST(GuessIndex, IsTheNearestIndexWithThatSequenceNumber) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 1'000'000; ++round) {
        const std::uint64_t highest = random() % (1ULL << (17 + random() % 31));
        const std::int64_t distance = static_cast<std::int64_t>(random() % 65535) - 32767;
        const std::int64_t truth = static_cast<std::int64_t>(highest) + distance;
        if (truth < 0) continue;
        const auto guessed = guess_index(highest, static_cast<std::uint16_t>(truth));
        ASSERT_EQ(guessed, static_cast<std::uint64_t>(truth)) << "highest " << highest;
    }
}

TEST(GuessIndex, HoldsAtTheBordersOfTheSequenceNumber) {
    EXPECT_EQ(guess_index(0xffff, 0), 0x10000U);
    EXPECT_EQ(guess_index(0x10000, 0xffff), 0xffffU);
    EXPECT_EQ(guess_index(0x1ffff, 0), 0x20000U);
    EXPECT_EQ(guess_index(0x20000, 0xffff), 0x1ffffU);
    EXPECT_EQ(guess_index(0x8000, 0), 0U);
    EXPECT_EQ(guess_index(0x8001, 0), 0x10000U);
    EXPECT_EQ(guess_index(0x17fff, 0xffff), 0x1ffffU);
    EXPECT_EQ(guess_index(0x17ffe, 0xffff), 0xffffU);
}

TEST(GuessIndex, NeverGoesBeforeTheFirstRollover) {
    for (std::uint32_t seq = 0; seq <= 0xffff; ++seq) {
        EXPECT_EQ(guess_index(0, static_cast<std::uint16_t>(seq)), seq);
        EXPECT_EQ(guess_index(100, static_cast<std::uint16_t>(seq)), seq);
    }
}

TEST(ReplayWindow, AcceptsEverythingUntilTheFirstCommit) {
    const ReplayWindow<> window;
    EXPECT_TRUE(window.empty());
    EXPECT_TRUE(window.check(0));
    EXPECT_TRUE(window.check(1ULL << 47));
}

TEST(ReplayWindow, RefusesAnIndexTwice) {
    ReplayWindow<> window;
    window.commit(0);
    EXPECT_FALSE(window.check(0));
    EXPECT_FALSE(window.too_old(0));
    EXPECT_TRUE(window.check(1));
}

TEST(ReplayWindow, TellsAnOldIndexFromARepeatedOne) {
    ReplayWindow<128> window;
    window.commit(1000);
    EXPECT_TRUE(window.check(873));
    EXPECT_FALSE(window.check(872));
    EXPECT_TRUE(window.too_old(872));
    EXPECT_FALSE(window.too_old(873));
    window.commit(872);
    EXPECT_EQ(window.highest(), 1000U);
    EXPECT_TRUE(window.check(1001));
}

template <typename Window, std::size_t Bits>
void compare_with_oracle(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int life = 0; life < 50; ++life) {
        Window window;
        std::set<std::uint64_t> seen;
        std::uint64_t around = random() % (life % 2 ? 70000 : 1ULL << 47);
        for (int step = 0; step < 4000; ++step) {
            const std::uint64_t kind = random() % 100;
            const std::uint64_t reach = kind < 80 ? 40 : kind < 98 ? Bits + Bits / 4 : 3 * Bits;
            const std::uint64_t low = around > reach ? around - reach : 0;
            const std::uint64_t index = low + random() % (2 * reach);
            const bool fresh = seen.empty() || (index + Bits > *seen.rbegin() && !seen.contains(index));
            ASSERT_EQ(window.check(index), fresh) << "index " << index << " highest " << window.highest();
            if (fresh && random() % 8 != 0) {
                window.commit(index);
                seen.insert(index);
                around = *seen.rbegin();
                ASSERT_EQ(window.highest(), around);
            }
        }
    }
}

TEST(ReplayWindow, AgreesWithASetOverRandomInput) {
    compare_with_oracle<ReplayWindow<128>, 128>(1);
    compare_with_oracle<ReplayWindow<>, 1024>(2);
    compare_with_oracle<ReplayWindow<4096>, 4096>(3);
}

}  // namespace
}  // namespace sluice::srtp
