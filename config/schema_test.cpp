#include "config/schema.hpp"

#include <gtest/gtest.h>

#include <set>

#include "config/load.hpp"

namespace sluice::config {
namespace {

TEST(Schema, HasEachKeyOnceDocumentedAndInsideADocumentedGroup) {
    std::set<std::string_view> seen;
    for (const Row& row : schema()) {
        EXPECT_TRUE(seen.insert(row.path).second) << row.path;
        EXPECT_FALSE(row.doc.empty()) << row.path;
        EXPECT_TRUE(row.group().empty() || !group_doc(row.group()).empty()) << row.path;
        EXPECT_FALSE(is_group(row.path)) << row.path;
    }
}

TEST(Schema, KeepsTheKeysOfAGroupTogether) {
    std::set<std::string_view> closed;
    std::string_view open;
    for (const Row& row : schema()) {
        if (row.group() == open) continue;
        EXPECT_TRUE(closed.insert(row.group()).second || row.group().empty()) << row.path;
        open = row.group();
    }
}

TEST(Schema, HasDefaultsWithinItsOwnRanges) {
    const Config defaults;
    for (const Row& row : schema()) {
        const Value value = row.get(defaults);
        if (row.type == Type::integer) {
            EXPECT_GE(std::get<std::int64_t>(value), row.min) << row.path;
            EXPECT_LE(std::get<std::int64_t>(value), row.max) << row.path;
        } else if (row.type == Type::choice) {
            EXPECT_LT(std::get<std::int64_t>(value), static_cast<std::int64_t>(row.choices.size())) << row.path;
        } else if (row.type == Type::string && row.check != nullptr) {
            EXPECT_EQ(row.check(std::get<std::string>(value)), "") << row.path;
        }
    }
}

// A range that a field cannot hold would wrap silently; a field that two rows share would lose one of them.
TEST(Schema, StoresTheEndsOfEveryRangeInAFieldOfItsOwn) {
    for (const Row& row : schema()) {
        if (row.type != Type::integer) continue;
        for (const std::int64_t end : {row.min, row.max}) {
            Config config;
            row.set(config, end);
            EXPECT_EQ(std::get<std::int64_t>(row.get(config)), end) << row.path;
            for (const auto& change : diff(Config{}, config)) EXPECT_EQ(change.path, row.path);
        }
    }
}

TEST(Schema, NeverSpellsASecret) {
    const Row* keys = find_row("keys");
    ASSERT_NE(keys, nullptr);
    EXPECT_EQ(spell(*keys, keys->get(Config{})), "{ devkey = \"***\"; }");
    EXPECT_EQ(spell(*keys, keys->get(Config{}), true), "{ devkey = \"secret\"; }");
}

}  // namespace
}  // namespace sluice::config
