#include "dataplane/base/prefix_budget.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr std::int64_t second = 1'000'000'000;

IpAddress address(const char* text) {
    return IpAddress::parse(text).value();
}
IpAddress v4(std::uint32_t host) {
    return IpAddress::from_v4(be32{host});
}

int taken(PrefixBudget& budget, const IpAddress& from, std::int64_t now, int tries) {
    int passed = 0;
    for (int i = 0; i < tries; ++i) passed += budget.take(from, now);
    return passed;
}

TEST(PrefixBudget, PrefixesAreWhatOneSiteHas) {
    EXPECT_EQ(PrefixBudget::prefix_of(address("192.0.2.77")), address("192.0.2.0"));
    EXPECT_EQ(PrefixBudget::prefix_of(address("2001:db8:1:22ff:3::4")), address("2001:db8:1:2200::"));
}

TEST(PrefixBudget, GivesItsBurstAndThenItsRate) {
    PrefixBudget budget({100, 20}, 1);
    EXPECT_EQ(taken(budget, v4(0x0a000001), 5 * second, 1000), 20);
    EXPECT_EQ(taken(budget, v4(0x0a0000ff), 5 * second, 1000), 0) << "the same /24";
    int passed = 0;
    for (int ms = 1; ms <= 1000; ++ms) passed += taken(budget, v4(0x0a000001), 5 * second + ms * 1'000'000, 10);
    EXPECT_EQ(passed, 100);
    EXPECT_EQ(taken(budget, v4(0x0a000001), 100 * second, 1000), 20) << "idleness saves no more than a burst";
}

TEST(PrefixBudget, AFloodOfOnePrefixLeavesTheOthersTheirs) {
    PrefixBudget budget({100, 20}, 2);
    for (int i = 0; i < 100'000; ++i) (void)budget.take(v4(0xc0000200 + static_cast<std::uint32_t>(i % 256)), second);
    int served = 0;
    for (std::uint32_t net = 0; net < 10'000; ++net) served += budget.take(v4((net << 8) | 1), second);
    EXPECT_EQ(served, 10'000);
}

TEST(PrefixBudget, FiftyFloodingPrefixesRarelyMeetAnother) {
    PrefixBudget budget({100, 20}, 3);
    for (std::uint32_t net = 0; net < 50; ++net) (void)taken(budget, v4(0xc6000000 | net << 8), second, 100);
    // Another one is refused if both of its cells are flooded: (50 / 2048)^2, so about 6 of 10,000.
    int served = 0;
    for (std::uint32_t net = 0; net < 10'000; ++net) served += budget.take(v4((0x10000 + net) << 8 | 1), second);
    EXPECT_GE(served, 9'970);
}

}  // namespace
}  // namespace sluice
