#include "dataplane/worker/wake_times.hpp"

#include <gtest/gtest.h>

namespace sluice::worker {
namespace {

std::vector<std::uint32_t> round(WakeTimes& times, std::int64_t now_ns) {
    std::vector<std::uint32_t> due;
    times.begin_round();
    while (const auto position = times.next_due(now_ns)) due.push_back(*position);
    return due;
}

using Positions = std::vector<std::uint32_t>;

TEST(WakeTimes, ARoundYieldsThoseThatAreDueOnce) {
    WakeTimes times(8);
    EXPECT_FALSE(times.in_round());
    for (const std::int64_t at : {10, 30, 20}) times.add(at);
    EXPECT_EQ(round(times, 20), (Positions{0, 2}));
    times.set(0, 40);
    times.set(2, WakeTimes::never);
    EXPECT_EQ(round(times, 30), (Positions{1}));
    EXPECT_FALSE(times.in_round());
}

TEST(WakeTimes, WhatHappensBringsATimeForwardAndNeverBack) {
    WakeTimes times(8);
    times.add(100);
    times.sooner(0, 50);
    EXPECT_EQ(times.at(0), 50);
    times.sooner(0, 70);
    EXPECT_EQ(times.at(0), 50);
}

TEST(WakeTimes, TheLastTakesThePlaceOfOneThatLeaves) {
    WakeTimes times(8);
    for (const std::int64_t at : {1, 2, 3}) times.add(at);
    times.remove(0);
    EXPECT_EQ(times.size(), 2u);
    EXPECT_EQ(times.at(0), 3);
    times.remove(1);
    times.remove(0);
    EXPECT_EQ(times.size(), 0u);
}

TEST(WakeTimes, ARoundGoesOnWhereItWasAlthoughOthersLeave) {
    WakeTimes times(8);
    for (int i = 0; i < 6; ++i) times.add(0);
    times.begin_round();
    EXPECT_EQ(times.next_due(0), 0u);
    EXPECT_EQ(times.next_due(0), 1u);
    times.begin_round();  // a tick does not start over
    EXPECT_EQ(times.next_due(0), 2u);
    for (int i = 0; i < 4; ++i) times.remove(times.size() - 1);
    EXPECT_EQ(times.next_due(0), std::nullopt);
    EXPECT_FALSE(times.in_round());
    EXPECT_EQ(round(times, 0), (Positions{0, 1}));
}

}  // namespace
}  // namespace sluice::worker
