#include "dataplane/base/rate_cell.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr Rate rate{10, 4};

TEST(RateCell, GivesItsBurstAndThenItsRate) {
    RateCell cell;
    std::int64_t now = 5'000'000'000;
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(cell.take(rate, now)) << i;
    EXPECT_FALSE(cell.take(rate, now));
    int passed = 0;
    for (int ms = 1; ms <= 2000; ++ms) passed += cell.take(rate, now + ms * 1'000'000);
    EXPECT_EQ(passed, 20);
}

TEST(RateCell, IsWholeAgainAfterARestHoweverLong) {
    RateCell cell;
    for (int i = 0; i < 4; ++i) (void)cell.take(rate, 0);
    const std::int64_t later = 3'600'000'000'000;
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(cell.take(rate, later));
    EXPECT_FALSE(cell.take(rate, later));
}

TEST(RateCell, WhatItRefusesCostsNothing) {
    RateCell cell;
    for (int i = 0; i < 1000; ++i) (void)cell.take(rate, 0);
    EXPECT_TRUE(cell.take(rate, 100'000'000));
}

}  // namespace
}  // namespace sluice
