#include "dataplane/app/watchdog.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

namespace sluice::app {

// Not static, so that its name stands in the stack.
[[gnu::noinline]] void fake_stall(std::atomic<bool>& begun, std::atomic<bool>& forever) {
    begun = true;
    while (forever) continue;
}

namespace {

constexpr std::int64_t ms = 1'000'000;

void watch_a_stalled_worker() {
    const rlimit no_core{0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    std::uint64_t loops[2] = {7, 7};
    Watchdog watchdog({&loops[0], &loops[1]}, 50);
    std::atomic<bool> begun{false};
    std::atomic<bool> forever{true};
    std::thread worker([&] {
        watchdog.enroll(1);
        fake_stall(begun, forever);
    });
    while (!begun) std::this_thread::yield();
    watchdog.start(0);
    for (std::int64_t now = 10 * ms;; now += 10 * ms) {
        ++loops[0];
        watchdog.check(now);
    }
}

TEST(Watchdog, AbortsWithTheStackOfTheStalledWorker) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(watch_a_stalled_worker(), testing::KilledBySignal(SIGABRT),
                "worker 1 has made no progress for 50 ms(.|\n)*fake_stall");
}

TEST(Watchdog, SaysSoWhenTheThreadDoesNotEvenTakeASignal) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            std::uint64_t loops = 7;
            Watchdog watchdog({&loops}, 50);
            watchdog.start(0);
            for (std::int64_t now = 1 * ms; now < 100 * ms; now += 10 * ms) watchdog.check(now);
        },
        testing::KilledBySignal(SIGABRT), "worker 0 takes no signal either");
}

TEST(Watchdog, DoesNotBlameAWorkerForAMachineThatStoodStill) {
    std::uint64_t loops = 7;
    Watchdog watchdog({&loops}, 1000);
    watchdog.start(0);
    watchdog.check(10 * ms);
    watchdog.check(5'010 * ms);
    watchdog.check(5'700 * ms);
    ++loops;
    watchdog.check(10'700 * ms);
    watchdog.check(15'700 * ms);
}

TEST(Watchdog, StillFindsAWorkerThatDoesNotMoveAfterwards) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            std::uint64_t loops = 7;
            Watchdog watchdog({&loops}, 1000);
            watchdog.start(0);
            watchdog.check(10 * ms);
            for (std::int64_t now = 5'000 * ms; now < 5'770 * ms; now += 10 * ms) watchdog.check(now);
        },
        testing::KilledBySignal(SIGABRT), "worker 0 has made no progress for 1000 ms");
}

TEST(Watchdog, LeavesAWorkerAloneThatMoves) {
    std::uint64_t loops = 0;
    Watchdog watchdog({&loops}, 50);
    watchdog.start(0);
    for (std::int64_t now = 0; now < 10'000 * ms; now += 49 * ms) {
        ++loops;
        watchdog.check(now);
    }
    Watchdog off({&loops}, 0);
    off.start(0);
    off.check(1'000'000 * ms);
}

}  // namespace
}  // namespace sluice::app
