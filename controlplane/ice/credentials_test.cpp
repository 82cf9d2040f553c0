#include "controlplane/ice/credentials.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace sluice::ice {
namespace {

TEST(Credentials, HaveTheFixedLengthsAndOnlyIceChars) {
    std::mt19937 engine(1);
    Random const random = [&](std::span<std::uint8_t> out) {
        std::ranges::generate(out, [&] { return static_cast<std::uint8_t>(engine()); });
    };
    std::set<char> seen;
    for (int n = 0; n < 100; ++n) {
        Credentials const c = generate(random);
        EXPECT_EQ(c.ufrag.size(), 8u);
        EXPECT_EQ(c.pwd.size(), 24u);
        EXPECT_TRUE(is_valid(c));
        seen.insert(c.pwd.begin(), c.pwd.end());
    }
    EXPECT_EQ(seen.size(), 64u);
}

TEST(Credentials, OfPeersAreChecked) {
    std::string const pwd(22, 'p');
    EXPECT_TRUE(is_valid({"abcd", pwd}));
    EXPECT_FALSE(is_valid({"abc", pwd}));
    EXPECT_FALSE(is_valid({"ab:d", pwd}));
    EXPECT_FALSE(is_valid({"abcd", pwd.substr(1)}));
    EXPECT_FALSE(is_valid({std::string(257, 'a'), pwd}));
    EXPECT_FALSE(is_valid({"abcd", std::string(257, 'a')}));
    EXPECT_FALSE(is_valid({"ab\r\n", pwd}));
}

}  // namespace
}  // namespace sluice::ice
