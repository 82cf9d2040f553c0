#include "dataplane/port/next_hops.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

namespace sluice::port {
namespace {

using table::NextHop;
using table::NextHopIndex;
using table::no_next_hop;

constexpr std::int64_t second = 1'000'000'000;
const Mac mac_a{{0x02, 0, 0, 0, 0, 0x0a}};
const Mac mac_b{{0x02, 0, 0, 0, 0, 0x0b}};

IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}

class FakeKernel final : public NeighbourKernel {
public:
    std::optional<IpAddress> gateway_of(const IpAddress& destination) override {
        ++asked;
        const auto at = routes.find(destination);
        return at == routes.end() ? default_route : std::optional(at->second);
    }
    void use(const IpAddress& gateway) override { ++used[gateway]; }
    std::optional<Mac> mac_of(const IpAddress& gateway) override {
        const auto at = neighbours.find(gateway);
        return at == neighbours.end() ? std::nullopt : std::optional(at->second);
    }
    std::optional<IpAddress> default_route = ip("192.0.2.1");
    std::map<IpAddress, IpAddress> routes;
    std::map<IpAddress, Mac> neighbours;
    std::map<IpAddress, int> used;
    int asked = 0;
};

struct NextHopsTest : testing::Test {
    FakeKernel kernel;
    std::map<NextHopIndex, NextHop> entries;  // as the workers know them
    std::map<IpAddress, NextHopIndex> moved;
    NextHops hops{kernel, [this](NextHopIndex i, const NextHop& hop) { entries[i] = hop; },
                  [this](const IpAddress& destination, NextHopIndex i) { moved[destination] = i; }};
};

TEST_F(NextHopsTest, DestinationsBehindOneGatewayShareAnEntryAndTheKernelIsAskedOnceForEach) {
    kernel.neighbours = {{ip("192.0.2.1"), mac_a}};
    const NextHopIndex first = hops.acquire(ip("198.51.100.1"));
    EXPECT_NE(first, no_next_hop);
    EXPECT_EQ(hops.acquire(ip("198.51.100.2")), first);
    EXPECT_EQ(hops.acquire(ip("198.51.100.1")), first);
    EXPECT_EQ(kernel.asked, 2);
    EXPECT_EQ(hops.entries(), 1u);
    EXPECT_EQ(entries[first], (NextHop{mac_a, true}));
}

TEST_F(NextHopsTest, AnEntryEndsWithItsLastUserAndIsForgottenByTheWorkers) {
    kernel.neighbours = {{ip("192.0.2.1"), mac_a}};
    const NextHopIndex index = hops.acquire(ip("198.51.100.1"));
    (void)hops.acquire(ip("198.51.100.1"));
    hops.release(ip("198.51.100.1"));
    EXPECT_TRUE(entries[index].resolved);
    hops.release(ip("198.51.100.1"));
    EXPECT_FALSE(entries[index].resolved);
    EXPECT_EQ(hops.entries(), 0u);
    EXPECT_EQ(hops.destinations(), 0u);
    hops.release(ip("198.51.100.1"));  // once too often: nothing happens
}

TEST_F(NextHopsTest, ANeighbourThatIsUnknownIsResolvedAndAnnouncedWhenItIs) {
    const NextHopIndex index = hops.acquire(ip("198.51.100.1"));
    EXPECT_EQ(kernel.used[ip("192.0.2.1")], 1);
    EXPECT_FALSE(entries.contains(index));
    hops.neighbour_changed(ip("192.0.2.1"), mac_a);
    EXPECT_EQ(entries[index], (NextHop{mac_a, true}));
    hops.neighbour_changed(ip("192.0.2.1"), mac_b);
    EXPECT_EQ(entries[index], (NextHop{mac_b, true}));
    hops.neighbour_changed(ip("192.0.2.77"), mac_a);  // not ours
    EXPECT_EQ(entries.size(), 1u);
}

TEST_F(NextHopsTest, WhatOnlyMediaUsesIsVerifiedEveryFiveSeconds) {
    (void)hops.acquire(ip("198.51.100.1"));
    kernel.used.clear();
    for (std::int64_t t = second; t <= 61 * second; t += second / 10) hops.turn(t);
    EXPECT_EQ(kernel.used[ip("192.0.2.1")], 13);
}

TEST_F(NextHopsTest, ANeighbourThatFailedIsTriedAgainAtOnce) {
    const NextHopIndex index = hops.acquire(ip("198.51.100.1"));
    hops.neighbour_changed(ip("192.0.2.1"), mac_a);
    hops.turn(second);
    kernel.used.clear();
    hops.neighbour_changed(ip("192.0.2.1"), std::nullopt);
    EXPECT_FALSE(entries[index].resolved);
    hops.turn(second + second);
    EXPECT_EQ(kernel.used[ip("192.0.2.1")], 1);
}

TEST_F(NextHopsTest, ARouteChangeMovesTheDestinationsThatItConcerns) {
    const NextHopIndex old = hops.acquire(ip("198.51.100.1"));
    EXPECT_EQ(hops.acquire(ip("198.51.100.2")), old);
    kernel.routes = {{ip("198.51.100.1"), ip("192.0.2.2")}};
    kernel.neighbours = {{ip("192.0.2.2"), mac_b}};
    hops.routes_changed(second);
    hops.turn(second);
    EXPECT_TRUE(moved.empty()) << "a burst of changes is waited for";
    hops.turn(2 * second);
    ASSERT_EQ(moved.size(), 1u);
    const NextHopIndex now = moved[ip("198.51.100.1")];
    EXPECT_NE(now, old);
    EXPECT_EQ(entries[now], (NextHop{mac_b, true}));
    EXPECT_EQ(hops.index_of(ip("198.51.100.1")), now);
    EXPECT_EQ(hops.index_of(ip("198.51.100.2")), old);

    // And away: no route at all.
    kernel.routes.clear();
    kernel.default_route.reset();
    hops.routes_changed(3 * second);
    hops.turn(4 * second);
    EXPECT_EQ(moved[ip("198.51.100.1")], no_next_hop);
    EXPECT_EQ(moved[ip("198.51.100.2")], no_next_hop);
    EXPECT_EQ(hops.entries(), 0u);
}

TEST_F(NextHopsTest, ThousandsOfDestinationsAreAskedForAFewPerTurn) {
    constexpr int count = 1000;
    for (int i = 0; i < count; ++i)
        (void)hops.acquire(ip("198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
    kernel.asked = 0;
    hops.routes_changed(0);
    int most = 0;
    for (std::int64_t t = second; kernel.asked < count; t += 1'000'000) {
        const int before = kernel.asked;
        hops.turn(t);
        most = std::max(most, kernel.asked - before);
        ASSERT_LT(t, 2 * second) << "only " << kernel.asked << " were asked for";
    }
    EXPECT_LE(most, 64);
}

TEST_F(NextHopsTest, AFullTableLeavesTheRestToTheReversePath) {
    std::set<NextHopIndex> taken;
    for (int i = 0; i < 255; ++i) {
        const IpAddress on_link = ip("203.0.113." + std::to_string(i));
        kernel.routes[on_link] = on_link;
        const NextHopIndex index = hops.acquire(on_link);
        EXPECT_NE(index, no_next_hop);
        taken.insert(index);
    }
    EXPECT_EQ(taken.size(), 255u);
    EXPECT_EQ(hops.acquire(ip("198.51.100.1")), no_next_hop);
    // When there is room again, a change of routes gives it one.
    hops.release(ip("203.0.113.9"));
    hops.routes_changed(0);
    for (std::int64_t t = second; t < second + 10; ++t) hops.turn(t);
    EXPECT_NE(moved[ip("198.51.100.1")], no_next_hop);
}

TEST_F(NextHopsTest, AfterLostNotificationsEverythingIsAskedForAgain) {
    const NextHopIndex index = hops.acquire(ip("198.51.100.1"));
    kernel.neighbours = {{ip("192.0.2.1"), mac_b}};
    kernel.asked = 0;
    hops.everything_changed(0);
    EXPECT_EQ(entries[index], (NextHop{mac_b, true}));
    hops.turn(second);
    EXPECT_EQ(kernel.asked, 1);
}

}  // namespace
}  // namespace sluice::port
