#include "dataplane/base/spsc_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace sluice {
namespace {

TEST(SpscRing, RoundsTheCapacityUp) {
    EXPECT_EQ(SpscRing<int>(0).capacity(), 2U);
    EXPECT_EQ(SpscRing<int>(5).capacity(), 8U);
    EXPECT_EQ(SpscRing<int>(64).capacity(), 64U);
}

TEST(SpscRing, RefusesToPushWhenFullAndToPopWhenEmpty) {
    SpscRing<int> ring(4);
    int item = 0;
    EXPECT_FALSE(ring.pop(item));
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.push(i));
    EXPECT_FALSE(ring.push(4));
    EXPECT_EQ(ring.size(), 4U);
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(ring.pop(item));
        EXPECT_EQ(item, i);
    }
    EXPECT_TRUE(ring.empty());
}

TEST(SpscRing, TakesAsMuchOfABurstAsFits) {
    SpscRing<int> ring(8);
    const std::array<int, 6> items{0, 1, 2, 3, 4, 5};
    EXPECT_EQ(ring.push_burst(items), 6U);
    EXPECT_EQ(ring.push_burst(items), 2U);
    std::array<int, 16> out{};
    EXPECT_EQ(ring.pop_burst(out), 8U);
    EXPECT_EQ(out[5], 5);
    EXPECT_EQ(out[7], 1);
    EXPECT_EQ(ring.pop_burst(out), 0U);
}

TEST(SpscRing, CarriesEveryItemOnceAndInOrderBetweenTwoThreads) {
    struct Item {
        std::uint64_t number;
        std::uint64_t square;
    };
    constexpr std::uint64_t total = 200'000;
    SpscRing<Item> ring(64);
    std::thread producer([&] {
        std::uint64_t next = 0;
        std::array<Item, 7> burst;
        while (next < total) {
            std::size_t count = 0;
            for (; count < burst.size() && next + count < total; ++count) {
                burst[count] = {next + count, (next + count) * (next + count)};
            }
            const std::size_t pushed = ring.push_burst({burst.data(), count});
            next += pushed;
            if (pushed == 0) std::this_thread::yield();
        }
    });
    std::uint64_t expected = 0;
    std::uint64_t wrong = 0;
    std::array<Item, 5> out;
    while (expected < total) {
        const std::size_t count = ring.pop_burst(out);
        for (std::size_t i = 0; i < count; ++i, ++expected) {
            wrong += out[i].number != expected || out[i].square != expected * expected ? 1 : 0;
        }
        if (count == 0) std::this_thread::yield();
    }
    producer.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace sluice
