#include "config/value.hpp"

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

TEST(EditDistance, CountsSingleEditsAndSwaps) {
    EXPECT_EQ(edit_distance("", "abc"), 3u);
    EXPECT_EQ(edit_distance("port", "port"), 0u);
    EXPECT_EQ(edit_distance("prot", "port"), 1u);
    EXPECT_EQ(edit_distance("udp_port", "udpport"), 1u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Closest, OffersOnlyWhatCouldBeMeant) {
    EXPECT_EQ(closest("prot", {"mtu", "port", "mac"}), "port");
    EXPECT_EQ(closest("banana", {"mtu", "port", "mac"}), "");
    EXPECT_EQ(closest("x", {}), "");
}

TEST(InQuotes, EscapesWhatLibconfigWouldMisread) {
    EXPECT_EQ(in_quotes("a\"b\\c\n"), "\"a\\\"b\\\\c\\x0a\"");
}

}  // namespace
}  // namespace sluice::config
