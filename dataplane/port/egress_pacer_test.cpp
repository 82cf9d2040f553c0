#include "dataplane/port/egress_pacer.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::port {
namespace {

constexpr std::uint64_t hz = 1'000'000'000;
constexpr double gbit = 1e9;

// Bursts that leave within `ns`, asked for every microsecond.
std::uint64_t bursts(EgressPacer& pacer, std::uint64_t from, std::uint64_t ns, std::uint64_t bytes) {
    std::uint64_t n = 0;
    for (std::uint64_t now = from; now < from + ns; now += 1000) {
        while (pacer.claim(bytes, now)) ++n;
    }
    return n;
}

TEST(EgressPacer, NoMoreThanTheRateLeavesOverTime) {
    EgressPacer pacer(gbit, hz);
    constexpr std::uint64_t bytes = 12'500;  // 100 us of it
    const std::uint64_t n = bursts(pacer, 1000 * hz, hz, bytes);
    EXPECT_GE(n, 10'000u);
    // Half a millisecond or 96 full frames of it at once, whichever is more, and the burst that crosses that line.
    EXPECT_LE(n, 10'000u + 1 + static_cast<std::uint64_t>(EgressPacer::depth_bytes / bytes) + 1);
}

TEST(EgressPacer, WhoSleepsForAWhileStillReachesTheRate) {
    EgressPacer pacer(10 * gbit, hz);
    std::uint64_t bytes = 0;
    for (std::uint64_t now = hz; now < 2 * hz; now += 250'000) {
        while (pacer.claim(64 * 1300, now)) bytes += 64 * 1300;
    }
    EXPECT_GT(static_cast<double>(bytes) * 8, 0.99 * 10 * gbit);
}

TEST(EgressPacer, WhatDidNotLeaveIsGivenBack) {
    EgressPacer pacer(gbit, hz);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(pacer.claim(100'000, hz)) << i;
        pacer.give_back(100'000);
    }
}

TEST(EgressPacer, WorkersShareTheRateWithoutALock) {
    EgressPacer pacer(gbit, hz);
    std::vector<std::thread> workers;
    std::atomic<std::uint64_t> claimed = 0;
    for (int w = 0; w < 4; ++w) {
        workers.emplace_back([&] {
            for (std::uint64_t now = hz; now < hz + 100'000'000; now += 1000) {
                if (pacer.claim(1250, now)) claimed += 1250;
            }
        });
    }
    for (auto& w : workers) w.join();
    // 12.5 MB in that time; each worker may be a burst beyond the line.
    EXPECT_LE(claimed.load(), 12'500'000u + static_cast<std::uint64_t>(EgressPacer::depth_bytes) + 4 * 1250);
    EXPECT_GE(claimed.load(), 11'000'000u);
}

}  // namespace
}  // namespace sluice::port
