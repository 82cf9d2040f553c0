#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "controlplane/core/clock.hpp"
#include "controlplane/core/log.hpp"
#include "controlplane/core/random.hpp"

namespace sluice::core {
namespace {

TEST(Random, StringsHaveTheirLengthAndAlphabet) {
    for (const std::size_t length : {0u, 1u, 22u, 300u}) {
        const auto s = random_string(length);
        EXPECT_EQ(s.size(), length);
        EXPECT_EQ(s.find_first_not_of(base62), std::string::npos);
    }
    EXPECT_EQ(random_string(64, "ab").find_first_not_of("ab"), std::string::npos);
}

TEST(Random, EveryCharacterIsEquallyLikely) {
    std::map<char, int> seen;
    constexpr int rounds = 62'000;
    for (const char c : random_string(rounds)) ++seen[c];
    ASSERT_EQ(seen.size(), 62u);
    // 1000 expected each, deviation 31: eight of them never happen by chance; the modulo bias would be 250 beside 200.
    for (const auto& [c, n] : seen) EXPECT_NEAR(n, 1000, 250) << c;
}

TEST(Random, IdsAreDistinctAndNotZero) {
    std::set<std::uint64_t> ids;
    for (int i = 0; i < 1000; ++i) ids.insert(random_id());
    EXPECT_EQ(ids.size(), 1000u);
    EXPECT_FALSE(ids.contains(0));
}

TEST(Log, RefusesAnUnknownLevelByName) {
    const auto result = set_log_level("loud");
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error(), ::testing::HasSubstr("loud"));
}

TEST(Log, LevelReachesPresentAndFutureLoggers) {
    auto& before = log("before");
    ASSERT_TRUE(set_log_level("error"));
    EXPECT_FALSE(before.should_log(spdlog::level::warn));
    EXPECT_FALSE(log("after").should_log(spdlog::level::warn));
    ASSERT_TRUE(set_log_level("info"));
    EXPECT_EQ(&log("before"), &before);
}

TEST(Log, WritesOneJsonObjectALineWhenAsked) {
    ::testing::internal::CaptureStderr();
    set_log_json(true, "n1");
    log("json").warn("a \"quoted\" word\nand a line");
    set_log_json(false);
    log("json").warn("plain");
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(
        text, ::testing::HasSubstr("\"level\":\"warn\",\"node\":\"n1\",\"process\":\"controlplane\",\"component\":\"json\","
                                   "\"message\":\"a \\\"quoted\\\" word\\nand a line\"}\n"));
    EXPECT_THAT(text, ::testing::HasSubstr("[json] plain\n"));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Clock, RunsForward) {
    const auto a = monotonic_ns();
    EXPECT_LE(a, monotonic_ns());
    EXPECT_GT(unix_ns(), 1'700'000'000'000'000'000);
}

}  // namespace
}  // namespace sluice::core
