#include "signaling/whip/if_match.hpp"

#include <gtest/gtest.h>

namespace sluice::whip {
namespace {

http::Headers with(const char* value) {
    http::Headers headers;
    headers.add("If-Match", value);
    return headers;
}

TEST(IfMatch, IsOptional) {
    EXPECT_EQ(parse_if_match({}).value(), std::nullopt);
}

TEST(IfMatch, TakesOneTagWithoutItsQuotes) {
    EXPECT_EQ(parse_if_match(with("\"abc:1\"")).value(), "abc:1");
}

TEST(IfMatch, TakesTheWildcard) {
    EXPECT_EQ(parse_if_match(with("*")).value(), "*");
}

TEST(IfMatch, KeepsAWeakTagUnequalToAnyStrongOne) {
    EXPECT_EQ(parse_if_match(with("W/\"abc\"")).value(), "W/abc");
}

TEST(IfMatch, RefusesListsAndMalformedTags) {
    for (const char* bad : {"", "abc", "\"", "\"abc", "\"a\", \"b\"", "\"*\"", "\"a b\"", "**"})
        EXPECT_FALSE(parse_if_match(with(bad))) << bad;
    http::Headers twice = with("\"a\"");
    twice.add("If-Match", "\"b\"");
    EXPECT_FALSE(parse_if_match(twice));
}

}  // namespace
}  // namespace sluice::whip
