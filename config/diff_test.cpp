#include <gtest/gtest.h>

#include "config/load.hpp"

namespace sluice::config {
namespace {

TEST(Diff, IsEmptyForEqualConfigurations) {
    EXPECT_TRUE(diff(Config{}, load_default()).empty());
}

TEST(Diff, SaysWhichChangesNeedARestart) {
    Config next;
    next.http.port = 8000;
    next.log.level = LogLevel::debug;
    const auto changes = diff(Config{}, next);
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0], (Difference{"http.port", Change::cold, "7880", "8000"}));
    EXPECT_EQ(changes[1], (Difference{"log.level", Change::warm, "\"info\"", "\"debug\""}));
}

TEST(Diff, NoticesAChangedSecretWithoutShowingIt) {
    Config next;
    next.keys = {{"devkey", "other"}};
    const auto changes = diff(Config{}, next);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].after, "{ devkey = \"***\"; }");
}

TEST(Diff, AppliesOnlyWarmKeys) {
    Config next;
    next.http.port = 8000;
    next.log.level = LogLevel::debug;
    const Config now = apply_warm(Config{}, next);
    EXPECT_EQ(now.http.port, 7880);
    EXPECT_EQ(now.log.level, LogLevel::debug);
    const auto left = diff(now, next);
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].path, "http.port");
}

}  // namespace
}  // namespace sluice::config
