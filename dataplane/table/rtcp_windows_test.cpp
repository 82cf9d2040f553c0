#include "dataplane/table/rtcp_windows.hpp"

#include <gtest/gtest.h>

namespace sluice::table {
namespace {

std::size_t free_blocks(RtcpWindowPool& pool) {
    RtcpWindowBlock* taken = nullptr;
    std::size_t count = 0;
    while (RtcpWindowBlock* block = pool.take()) {
        block->next = taken;
        taken = block;
        ++count;
    }
    RtcpWindows::give_back(taken, pool);
    return count;
}

TEST(RtcpWindows, AnotherPoolsBlocksAreReplacedWithAllThatTheyHold) {
    RtcpWindowPool old_pool(8), new_pool(8);
    RtcpWindows windows;
    for (std::uint32_t ssrc = 1; ssrc <= 20; ++ssrc) windows.of(ssrc, old_pool)->commit(ssrc);
    EXPECT_EQ(free_blocks(old_pool), 5u);
    RtcpWindowBlock* theirs = windows.rehome(new_pool);
    ASSERT_NE(theirs, nullptr);
    RtcpWindows::give_back(theirs, old_pool);
    EXPECT_EQ(free_blocks(old_pool), 8u);
    EXPECT_EQ(free_blocks(new_pool), 5u);
    for (std::uint32_t ssrc = 1; ssrc <= 20; ++ssrc) {
        EXPECT_FALSE(windows.of(ssrc, new_pool)->check(ssrc)) << "a replay is taken after the move";
        EXPECT_TRUE(windows.of(ssrc, new_pool)->check(ssrc + 1));
    }
    EXPECT_EQ(free_blocks(new_pool), 5u);
    windows.clear(new_pool);
    EXPECT_EQ(free_blocks(new_pool), 8u);
}

TEST(RtcpWindows, StayAsTheyAreWhenTheOtherPoolHasTooFew) {
    RtcpWindowPool old_pool(8), new_pool(2);
    RtcpWindows windows;
    for (std::uint32_t ssrc = 1; ssrc <= 27; ++ssrc) windows.of(ssrc, old_pool)->commit(ssrc);  // three blocks
    EXPECT_EQ(windows.rehome(new_pool), nullptr);
    EXPECT_EQ(free_blocks(new_pool), 2u);
    for (std::uint32_t ssrc = 1; ssrc <= 27; ++ssrc) EXPECT_FALSE(windows.of(ssrc, new_pool)->check(ssrc));
}

TEST(RtcpWindows, OfAFewSendersNeedNoBlock) {
    RtcpWindowPool old_pool(1), new_pool(1);
    RtcpWindows windows;
    windows.of(7, old_pool)->commit(1);
    EXPECT_EQ(windows.rehome(new_pool), nullptr);
    EXPECT_FALSE(windows.of(7, new_pool)->check(1));
    EXPECT_EQ(free_blocks(new_pool), 1u);
}

}  // namespace
}  // namespace sluice::table
