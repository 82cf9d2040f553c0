#include "dataplane/table/slab.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>

namespace sluice::table {
namespace {

TEST(Slab, ObjectsLieSideBySideOnWholeCacheLines) {
    Slab slab(1088 - 20);
    EXPECT_EQ(slab.stride(), 1088u);
    auto* first = static_cast<std::byte*>(slab.take());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % Slab::chunk_bytes, 0u);
    for (std::size_t i = 1; i < 100; ++i) EXPECT_EQ(slab.take(), first + i * slab.stride());
    EXPECT_EQ(slab.used(), 100u);
    EXPECT_EQ(slab.bytes(), Slab::chunk_bytes);
}

TEST(Slab, WhatWasGivenBackIsUsedAgainAndNothingElseTwice) {
    Slab slab(4000);
    std::set<void*> live;
    std::vector<void*> order;
    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 1500; ++i) {
            void* place = slab.take();
            EXPECT_TRUE(live.insert(place).second);
            std::memset(place, i, slab.stride());
            order.push_back(place);
        }
        for (int i = 0; i < 1500; ++i) {
            live.erase(order.back());
            slab.give_back(order.back());
            order.pop_back();
        }
    }
    EXPECT_EQ(slab.used(), 0u);
    EXPECT_EQ(slab.bytes(), 3 * Slab::chunk_bytes);
}

TEST(Slab, PointersEndWhatTheyOwn) {
    struct Counted {
        explicit Counted(int& n) : alive(n) { ++alive; }
        ~Counted() { --alive; }
        int& alive;
    };
    int alive = 0;
    Slab slab(sizeof(Counted));
    {
        const auto a = make_in<Counted>(slab, alive);
        const auto b = make_in<Counted>(slab, alive);
        EXPECT_EQ(alive, 2);
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(slab.used(), 0u);
}

}  // namespace
}  // namespace sluice::table
