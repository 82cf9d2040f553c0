#include "dataplane/media/upstream_nack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace sluice::media {
namespace {

constexpr std::int64_t ms = 1'000'000;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::uint16_t> collect(UpstreamNack& n, std::int64_t now, std::int64_t rtt = 0, std::size_t room = 512) {
    std::vector<std::uint16_t> out(room);
    out.resize(n.collect(now, rtt, out));
    return out;
}

TEST(UpstreamNack, WaitsForReorderingBeforeItAsks) {
    UpstreamNack n;
    n.on_packet(65'535, 0);
    n.on_packet(65'538, 1 * ms);
    EXPECT_THAT(collect(n, 15 * ms), IsEmpty());
    EXPECT_THAT(collect(n, 16 * ms), ElementsAre(0, 1));
    n.on_packet(65'537, 17 * ms);
    EXPECT_EQ(n.recovered(), 1u);
    EXPECT_EQ(n.missing(), 1u);
}

TEST(UpstreamNack, DoesNotAskForAPacketThatWasOnlyLate) {
    UpstreamNack n;
    n.on_packet(1, 0);
    n.on_packet(3, 0);
    n.on_packet(2, 5 * ms);
    EXPECT_THAT(collect(n, 100 * ms), IsEmpty());
    EXPECT_EQ(n.recovered(), 0u);
}

TEST(UpstreamNack, RepeatsAtTheRoundTripTimeButNotFasterThan20Ms) {
    UpstreamNack n;
    n.on_packet(1, 0);
    n.on_packet(3, 0);
    EXPECT_THAT(collect(n, 20 * ms, 80 * ms), ElementsAre(2));
    EXPECT_THAT(collect(n, 99 * ms, 80 * ms), IsEmpty());
    EXPECT_THAT(collect(n, 100 * ms, 80 * ms), ElementsAre(2));
    EXPECT_THAT(collect(n, 119 * ms, 1 * ms), IsEmpty());
    EXPECT_THAT(collect(n, 120 * ms, 1 * ms), ElementsAre(2));
}

TEST(UpstreamNack, GivesUpAfterTenTries) {
    UpstreamNack n;
    n.on_packet(1, 0);
    n.on_packet(3, 0);
    int asked = 0;
    for (int t = 0; t < 900; t += 5) asked += static_cast<int>(collect(n, t * ms).size());
    EXPECT_EQ(asked, 10);
    EXPECT_EQ(n.missing(), 0u);
    EXPECT_EQ(n.given_up(), 1u);
}

TEST(UpstreamNack, GivesUpAfterASecondOrBehindTheWindow) {
    UpstreamNack n;
    n.on_packet(1, 0);
    n.on_packet(3, 0);
    EXPECT_THAT(collect(n, 1001 * ms), IsEmpty());
    EXPECT_EQ(n.given_up(), 1u);
    n.on_packet(5, 1001 * ms);
    for (int i = 6; i < 6 + 520; ++i) n.on_packet(i, 1001 * ms);
    EXPECT_THAT(collect(n, 1030 * ms), IsEmpty());
    EXPECT_EQ(n.given_up(), 2u);
}

TEST(UpstreamNack, LeavesAHugeJumpToAKeyframe) {
    UpstreamNack n;
    n.on_packet(1, 0);
    n.on_packet(10'000, 0);
    EXPECT_EQ(n.missing(), 0u);
    n.on_packet(10'301, 0);
    EXPECT_EQ(n.missing(), UpstreamNack::capacity);
    n.on_packet(10'310, 0);
    EXPECT_EQ(n.missing(), UpstreamNack::capacity);
    EXPECT_EQ(collect(n, 20 * ms).back(), 10'309);
}

TEST(UpstreamNack, KeepsWhatDoesNotFitForTheNextTime) {
    UpstreamNack n;
    n.on_packet(0, 0);
    n.on_packet(5, 0);
    EXPECT_THAT(collect(n, 20 * ms, 0, 3), ElementsAre(1, 2, 3));
    EXPECT_THAT(collect(n, 20 * ms, 0, 3), ElementsAre(4));
}

// Oracle: a plain map of what is missing. At rates of loss that stay below the capacity both agree exactly.
TEST(UpstreamNack, AsksForExactlyWhatIsMissing) {
    std::mt19937_64 rng(3);
    UpstreamNack n;
    struct Entry {
        std::int64_t since, asked = 0;
        int tries = 0;
    };
    std::map<std::int64_t, Entry> oracle;
    std::int64_t seq = 30'000, now = 0;
    n.on_packet(seq, now);
    for (int i = 0; i < 300'000; ++i) {
        now += ms;
        const auto lost = static_cast<std::int64_t>(rng() % 50 == 0 ? rng() % 4 : 0);
        for (std::int64_t k = 1; k <= lost; ++k) oracle[seq + k] = Entry{now};
        seq += lost + 1;
        n.on_packet(seq, now);
        if (!oracle.empty() && rng() % 4 == 0) {
            auto it = std::next(oracle.begin(), static_cast<std::ptrdiff_t>(rng() % oracle.size()));
            n.on_packet(it->first, now);
            oracle.erase(it);
        }
        if (rng() % 5 != 0) continue;
        const std::int64_t rtt = static_cast<std::int64_t>(rng() % 100) * ms;
        std::vector<std::uint16_t> expected;
        for (auto it = oracle.begin(); it != oracle.end();) {
            auto& e = it->second;
            const bool due = e.tries == 0 ? now - e.since >= 15 * ms : now - e.asked >= std::max(20 * ms, rtt);
            if (seq - it->first > 512 || now - e.since > 1000 * ms || (due && e.tries == 10)) {
                it = oracle.erase(it);
                continue;
            }
            if (due) {
                expected.push_back(static_cast<std::uint16_t>(it->first));
                e.asked = now;
                ++e.tries;
            }
            ++it;
        }
        ASSERT_EQ(collect(n, now, rtt), expected) << i;
        ASSERT_EQ(n.missing(), oracle.size());
    }
}

}  // namespace
}  // namespace sluice::media
