// How packets find their worker: by rte_flow where the port takes it, by hand-over where not. Nobody may lose a packet
// either way.

#include <rte_ethdev.h>

#include "dataplane/wire/demux.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

constexpr unsigned workers = 3;
constexpr std::uint16_t packets = 30;

bool steered(const Harness& h) {
    return (h.plane().segment().port(0).offloads & abi::offload_rte_flow) != 0;
}

std::uint64_t handed_over(const Harness& h) {
    std::uint64_t sum = 0;
    for (unsigned w = 0; w < workers; ++w) sum += h.counters(w).handed_over;
    return sum;
}

// A publisher on each worker, each with a viewer on each worker; every packet of every publisher reaches all of its viewers.
void forward_everything(Harness& h) {
    std::vector<Peer> publishers;
    std::vector<std::vector<Peer>> viewers(workers);
    std::uint16_t port = 5000;
    for (std::uint16_t p = 0; p < workers; ++p) {
        publishers.push_back(h.add_peer(port++, p));
        const auto source = h.add_video_source(publishers.back(), 0x1111u + p);
        for (std::uint16_t v = 0; v < workers; ++v) {
            viewers[p].push_back(h.add_peer(port++, v));
            h.add_video_leg(viewers[p].back(), source, 0x9000u + port);
        }
    }
    std::vector<Frame> frames;
    for (std::uint16_t n = 0; n < packets; ++n) {
        for (std::uint16_t p = 0; p < workers; ++p) h.send(publishers[p], vp8_packet(n, 3000u * n, 0x1111u + p, n == 0));
        h.settle();
        for (Frame& f : h.received()) frames.push_back(std::move(f));
    }
    for (const auto& of_one : viewers) {
        for (const Peer& viewer : of_one) {
            std::size_t rtp = 0;
            for (const Frame& p : h.payloads_to(viewer, frames)) rtp += !wire::is_rtcp(p[1]);
            EXPECT_EQ(rtp, packets) << "viewer " << viewer.address.port << " on worker " << viewer.worker;
        }
    }
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST(Steering, WithRulesEachWorkerReceivesItsOwnAndNothingIsHandedOver) {
    FakeFlowPmd nic(workers, {.flow = FakeNic::Flow::accepted});
    {
        Harness h({.workers = workers, .device = &nic});
        EXPECT_TRUE(steered(h));
        EXPECT_EQ(nic.rules(), 2 * workers) << "one rule per worker and family";
        EXPECT_EQ(nic.validated(), 2 * workers) << "each is validated before it is created";
        EXPECT_NE(h.plane().device()->steering_note().find("6 rules"), std::string::npos);
        forward_everything(h);
        EXPECT_EQ(handed_over(h), 0u);
        for (unsigned w = 0; w < workers; ++w) {
            EXPECT_EQ(h.counters(w).rx_packets, packets) << "worker " << w;
            EXPECT_EQ(h.counters(w).rtp_in, packets) << "worker " << w;
        }
    }
    EXPECT_EQ(nic.rules(), 0u) << "the rules go when the port stops";
}

TEST(Steering, RulesHoldForIpv6Too) {
    FakeFlowPmd nic(workers, {.flow = FakeNic::Flow::accepted});
    Harness h({.workers = workers, .device = &nic});
    for (std::uint16_t w = 0; w < workers; ++w) {
        Peer stranger;
        stranger.address = {*IpAddress::parse("fd77:7777::9"), 4000};
        stranger.worker = w;
        const Frame rtp = vp8_packet(1, 2, 3, true);
        for (int i = 0; i < 4; ++i) h.send(stranger, rtp);
    }
    h.settle();
    for (unsigned w = 0; w < workers; ++w) EXPECT_EQ(h.counters(w).rx_packets, 4u) << "worker " << w;
    EXPECT_EQ(handed_over(h), 0u);
    EXPECT_EQ(h.drops(abi::DropReason::rtp_unknown_flow), 4 * workers);
}

TEST(Steering, WithoutRteFlowWorkersHandOverAndNothingIsLost) {
    FakeFlowPmd nic(workers, {.flow = FakeNic::Flow::absent});
    Harness h({.workers = workers, .device = &nic});
    EXPECT_FALSE(steered(h));
    EXPECT_EQ(nic.rules(), 0u);
    const std::string& note = h.plane().device()->steering_note();
    EXPECT_NE(note.find("no rte_flow steering"), std::string::npos) << note;
    EXPECT_NE(note.find("Function not implemented"), std::string::npos) << "the log says why: " << note;
    forward_everything(h);
    EXPECT_GT(handed_over(h), 0u);
}

TEST(Steering, ARuleThatThePortRefusesLeavesNoRuleBehind) {
    FakeFlowPmd nic(workers, {.flow = FakeNic::Flow::refused});
    Harness h({.workers = workers, .device = &nic});
    EXPECT_FALSE(steered(h));
    EXPECT_NE(h.plane().device()->steering_note().find("UDP port 7882: item UDP is not supported"), std::string::npos)
        << h.plane().device()->steering_note();
    forward_everything(h);
    EXPECT_GT(handed_over(h), 0u);
}

TEST(Steering, AFlowTableThatIsFullHalfWayLeavesNoRuleBehind) {
    FakeFlowPmd nic(workers, {.flow = FakeNic::Flow::accepted, .max_rules = 4});
    Harness h({.workers = workers, .device = &nic});
    EXPECT_FALSE(steered(h));
    EXPECT_EQ(nic.rules(), 0u);
    EXPECT_NE(h.plane().device()->steering_note().find("the flow table is full"), std::string::npos);
    forward_everything(h);
    EXPECT_GT(handed_over(h), 0u);
}

TEST(Steering, OfATaggedPortFollowsTheTag) {
    FakeFlowPmd nic(workers, {.flow = FakeNic::Flow::accepted});
    Harness h({.workers = workers, .device = &nic, .vlan = 42});
    EXPECT_TRUE(steered(h));
    Peer stranger;
    stranger.address = {*IpAddress::parse("10.77.0.9"), 4000};
    stranger.worker = 2;
    const Frame tagged = Harness::frame_of(stranger, vp8_packet(1, 2, 3, true), std::uint16_t{42});
    for (int i = 0; i < 9; ++i) h.send_frame(tagged);
    h.settle();
    EXPECT_EQ(h.counters(2).rx_packets, 9u);
    EXPECT_EQ(handed_over(h), 0u);
    // Another network's frames are nobody's rule.
    const Frame other = Harness::frame_of(stranger, vp8_packet(1, 2, 3, true), std::uint16_t{43});
    for (int i = 0; i < 9; ++i) h.send_frame(other);
    h.settle();
    EXPECT_EQ(h.counters(2).rx_packets, 9u + 3u);
    EXPECT_EQ(h.drops(abi::DropReason::rtp_unknown_flow), 18u) << "they arrive all the same";
}

TEST(Steering, WhatNoRuleTakesIsSpreadByTheHashThatThePortHas) {
    const std::uint64_t udp4 = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
    for (const std::uint16_t queues : {1, 2}) {
        FakeFlowPmd nic(queues, {.rss = udp4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP});
        Harness h({.workers = queues, .device = &nic});
        EXPECT_EQ(nic.configured_rss(), queues == 1 ? 0 : udp4);
    }
}

TEST(Steering, ASingleWorkerNeedsNone) {
    FakeFlowPmd nic(1, {.flow = FakeNic::Flow::accepted});
    Harness h({.workers = 1, .device = &nic});
    EXPECT_FALSE(steered(h));
    EXPECT_EQ(nic.validated(), 0u);
}

}  // namespace
}  // namespace sluice::test
