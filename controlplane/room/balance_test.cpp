#include "controlplane/room/balance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace sluice::room {
namespace {

using Loads = std::vector<WorkerLoad>;

TEST(Placement, GoesToTheLeastBusyWorker) {
    EXPECT_EQ(place(Loads{{0.5, 500'000, 0, 1}, {0.2, 200'000, 0, 900}}, 0.8), 1);
    EXPECT_EQ(place(Loads{{0.1, 500'000, 0, 1}, {0.2, 200'000, 0, 0}}, 0.8), 0);
}

TEST(Placement, CountsWhatWasPlacedSinceTheMeasurement) {
    // A crowd of one second: both were measured idle.
    Placements placements;
    std::array<std::uint32_t, 2> sessions{};
    for (int i = 0; i < 1000; ++i) {
        Loads loads(2);
        loads[0].busy = 0.3;  // 0.3 of a worker more, to begin with
        loads[0].packets_per_s = 300'000;
        for (std::uint16_t w = 0; w < 2; ++w) {
            loads[w].placed_per_s = placements.of(w);
            loads[w].sessions = sessions[w];
        }
        const auto at = place(loads, 0.8);
        placements.add(at, 500);
        ++sessions[at];
    }
    // Priced at a millionth of a worker for a packet per second, 300,000 of them are what the first had already.
    EXPECT_NEAR(500.0 * sessions[1] - 500.0 * sessions[0], 300'000, 40'000);
    EXPECT_EQ(placements.of(0), 500.0 * sessions[0]);
    placements.measured();
    placements.measured();
    EXPECT_EQ(placements.of(0), 500.0 * sessions[0]) << "who joined a moment ago is not measured yet";
    placements.measured();
    EXPECT_EQ(placements.of(0), 0);
}

TEST(Placement, NumbersDecideBetweenEquals) {
    EXPECT_EQ(place(Loads{{0.01, 0, 0, 5}, {0.02, 0, 0, 4}}, 0.8), 1);
    EXPECT_EQ(place(Loads{{}, {}}, 0.8), 0);
}

TEST(Placement, ASmallRoomStaysTogetherWhileThatCostsNothing) {
    EXPECT_EQ(place(Loads{{0.10, 0, 0, 0}, {0.11, 0, 0, 90}}, 0.8, 1), 1);
    EXPECT_EQ(place(Loads{{0.10, 0, 0, 0}, {0.30, 0, 0, 90}}, 0.8, 1), 0);
    EXPECT_EQ(place(Loads{{0.1}, {0.1}}, 0.8, 7), 0) << "no such worker";
}

TEST(Placement, OneOverTheLimitGetsNothingWhileAnotherHasRoom) {
    EXPECT_EQ(place(Loads{{0.81, 0, 0, 0}, {0.79, 0, 0, 90}}, 0.8), 1);
    EXPECT_EQ(place(Loads{{0.81, 0, 0, 0}, {0.79, 0, 0, 90}}, 0.8, 0), 1);
    EXPECT_EQ(place(Loads{{0.92, 0, 0, 9}, {0.91, 0, 0, 4}}, 0.8), 1) << "all are full: admission refuses, not we";
}

// Workers as they would be: busy in proportion to what they send, plus noise.
struct FakeWorkers {
    std::vector<int> viewers;
    double rate = 500;  // packets/s of each viewer
    double price = 1e-6;
    double noise = 0;
    std::mt19937 random{7};

    Loads measure() {
        Loads loads;
        std::uniform_real_distribution<double> error(-noise, noise);
        for (const int n : viewers) {
            const double packets = n * rate;
            loads.push_back(
                {std::clamp(packets * price + error(random), 0.0, 1.0), packets, 0, static_cast<std::uint32_t>(n)});
        }
        return loads;
    }
    // One second; at most `most` move. Returns how many did.
    int second(Balance& balance, int most = 100) {
        const auto step = balance.look(measure());
        if (!step) return 0;
        const int count = std::min({most, viewers[step->from], static_cast<int>(step->packets_per_s / rate)});
        viewers[step->from] -= count;
        viewers[step->to] += count;
        balance.moved(count * rate);
        return count;
    }
};

TEST(Balance, LevelsWorkersThatStayUnequalAndThenRests) {
    FakeWorkers w{{1600, 0}};
    Balance balance;
    EXPECT_EQ(w.second(balance) + w.second(balance), 0) << "it may be over in a moment";
    int moved = 0;
    for (int s = 0; s < 60; ++s) {
        const int count = w.second(balance);
        EXPECT_LE(count, 100);
        moved += count;
    }
    EXPECT_LT((w.viewers[0] - w.viewers[1]) * w.rate * w.price, Balance::margin);
    EXPECT_GE(w.viewers[0], w.viewers[1]) << "more than what makes them equal";
    EXPECT_EQ(moved, w.viewers[1]);
    for (int s = 0; s < 600; ++s) EXPECT_EQ(w.second(balance), 0) << "second " << s;
}

TEST(Balance, NeverMovesToAndFro) {
    for (const double price : {0.3e-6, 1e-6, 2e-6}) {
        FakeWorkers w{{900, 100, 300}, 500, price, 0.04};
        Balance balance;
        std::map<std::pair<int, int>, int> steps;
        for (int s = 0; s < 2000; ++s) {
            const std::vector<int> before = w.viewers;
            if (w.second(balance) == 0) continue;
            int from = 0, to = 0;
            for (int i = 0; i < 3; ++i) {
                if (w.viewers[static_cast<std::size_t>(i)] < before[static_cast<std::size_t>(i)]) from = i;
                if (w.viewers[static_cast<std::size_t>(i)] > before[static_cast<std::size_t>(i)]) to = i;
            }
            ++steps[{from, to}];
            EXPECT_FALSE(steps.contains({to, from})) << from << " -> " << to << " in second " << s;
        }
    }
}

TEST(Balance, AShortPeakMovesNobody) {
    Balance balance;
    for (int s = 0; s < 100; ++s) {
        const Loads loads = s % 3 == 0 ? Loads{{0.3, 300'000, 0, 0}, {0.3, 300'000, 0, 0}}
                                       : Loads{{0.9, 900'000, 0, 0}, {0.3, 300'000, 0, 0}};
        EXPECT_FALSE(balance.look(loads)) << s;
    }
    // Nor do two that take turns in being the busiest.
    for (int s = 0; s < 100; ++s) {
        const Loads loads = s % 2 == 0 ? Loads{{0.9, 900'000, 0, 0}, {0.3, 300'000, 0, 0}}
                                       : Loads{{0.3, 300'000, 0, 0}, {0.9, 900'000, 0, 0}};
        EXPECT_FALSE(balance.look(loads)) << s;
    }
}

TEST(Balance, OneViewerWhoIsAllTheDifferenceStays) {
    // One of 400,000 packets/s on one worker, nothing on the other: moving it would turn the scales, not level them.
    FakeWorkers w{{1, 0}, 400'000};
    Balance balance;
    for (int s = 0; s < 100; ++s) EXPECT_EQ(w.second(balance), 0);
    EXPECT_FALSE(balance.moving());
}

TEST(Balance, EndsWhenTheDifferenceIsGoneAndPausesWhenNothingMoves) {
    Balance balance;
    const Loads unequal{{0.9, 900'000, 0, 0}, {0.1, 100'000, 0, 0}};
    for (int s = 0; s < 3; ++s) (void)balance.look(unequal);
    ASSERT_TRUE(balance.moving());
    balance.moved(1000);
    EXPECT_TRUE(balance.moving());
    EXPECT_FALSE(balance.look(Loads{{0.2, 200'000, 0, 0}, {0.2, 200'000, 0, 0}}));
    EXPECT_FALSE(balance.moving());
    balance.not_moved();
    for (int s = 0; s < Balance::pause_s - 1; ++s) EXPECT_FALSE(balance.look(unequal));
    for (int s = 0; s < 3; ++s) (void)balance.look(unequal);
    EXPECT_TRUE(balance.moving());
}

TEST(Balance, OneWorkerHasNobodyToShareWith) {
    Balance balance;
    for (int s = 0; s < 10; ++s) EXPECT_FALSE(balance.look(Loads{{1.0, 1'000'000, 0, 0}}));
}

}  // namespace
}  // namespace sluice::room
