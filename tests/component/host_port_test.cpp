// The workers' side of the host port: what is not media reaches the kernel untouched, what the kernel sends leaves
// untouched, and what is over the limits is dropped by name. The kernel's side, a TAP, is tested in
// tests/netns/host_port_test.py.

#include <cstring>

#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/headers.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

const HarnessOptions with_host_port{.host_port = true};

Frame frame_of_type(const Mac& to, std::uint16_t type, std::size_t size = 60) {
    Frame out(size);
    for (std::size_t i = 14; i < size; ++i) out[i] = static_cast<std::uint8_t>(i);
    store(out.data(), wire::EthernetHeader{to, peer_mac, be16(type)});
    return out;
}

Frame ipv4_of(std::uint8_t protocol) {
    Frame out = frame_of_type(our_mac, wire::ethertype_ipv4, 74);
    store(out.data() + 14,
          wire::Ipv4Header{0x45, 0, be16(60), be16(1), be16(0), 64, protocol, be16{}, be32(0x0a4d0002), be32(0x0a4d0001)});
    return out;
}

Frame udp_to(std::string_view address, std::uint16_t port) {
    const auto path = wire::UdpTemplate::make(
        {peer_mac, our_mac, {*IpAddress::parse("10.77.0.2"), 999}, {*IpAddress::parse(address), port}, std::nullopt, 64, 0});
    Frame out(path->header_length() + 30);
    path->stamp(out.data(), 30);
    path->fill_udp_checksum(out.data(), 30);
    return out;
}

std::vector<Frame> drained(port::HostRing& ring) {
    std::vector<Frame> out;
    static port::HostFrame frame;
    while (ring.pop(frame)) out.emplace_back(frame.bytes.begin(), frame.bytes.begin() + frame.length);
    return out;
}

TEST(HostPort, GetsEverythingThatIsNotMediaUntouched) {
    Harness h(with_host_port);
    const std::vector<Frame> kernels{
        frame_of_type(Mac::broadcast(), wire::ethertype_arp),
        frame_of_type(our_mac, wire::ethertype_arp),
        frame_of_type(Mac{{0x33, 0x33, 0xff, 0, 0, 1}}, wire::ethertype_ipv6, 90),
        frame_of_type(our_mac, 0x88cc),
        ipv4_of(1),   // ICMP
        ipv4_of(6),   // TCP
        ipv4_of(47),  // GRE
        udp_to("10.77.0.1", 53),
        udp_to("10.77.0.1", 7881),
        udp_to("10.77.0.1", 7883),
        udp_to("10.77.0.77", 7882),
        udp_to("224.0.0.251", 5353),
    };
    for (const Frame& frame : kernels) h.send_frame(frame);
    h.settle();
    EXPECT_EQ(drained(h.to_host()), kernels);
    EXPECT_TRUE(h.received().empty()) << "the kernel answers, not we";
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST(HostPort, NeverGetsMedia) {
    Harness h({.workers = 2, .host_port = true});
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6000, 1);
    h.add_video_leg(viewer, source, 0x9000);
    for (std::uint16_t n = 0; n < 10; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0), n % 2);
    h.send_frame(udp_to("10.77.0.1", 7882));  // a stranger's, to a port of ours: ours to drop
    h.settle();
    EXPECT_TRUE(drained(h.to_host(0)).empty());
    EXPECT_TRUE(drained(h.to_host(1)).empty());
    std::size_t rtp = 0;
    for (const Frame& p : h.payloads_to(viewer, h.received())) rtp += !wire::is_rtcp(p[1]);
    EXPECT_EQ(rtp, 10u);
    EXPECT_EQ(h.drops(DropReason::demux_unknown) + h.drops(DropReason::stun_malformed), 1u);
}

TEST(HostPort, DoesNotGetOtherStationsFrames) {
    Harness h(with_host_port);
    h.send_frame(frame_of_type(Mac{{2, 9, 9, 9, 9, 9}}, wire::ethertype_ipv4));
    h.settle();
    EXPECT_TRUE(drained(h.to_host()).empty());
    EXPECT_EQ(h.drops(DropReason::host_not_for_us), 1u);
}

TEST(HostPort, WhatTheKernelSendsLeavesUntouched) {
    Harness h(with_host_port);
    std::vector<Frame> frames{ipv4_of(6), frame_of_type(peer_mac, wire::ethertype_arp, 42),
                              frame_of_type(peer_mac, wire::ethertype_ipv4, 1514)};
    for (const Frame& frame : frames) {
        static port::HostFrame slot;
        slot.length = static_cast<std::uint16_t>(frame.size());
        std::copy(frame.begin(), frame.end(), slot.bytes.begin());
        ASSERT_TRUE(h.from_host().push(slot));
    }
    h.settle();
    EXPECT_EQ(h.received(), frames);
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST(HostPort, AFrameBeyondTheMtuDoesNotReachTheWire) {
    Harness h(with_host_port);
    static port::HostFrame slot;
    slot.length = 1519;
    ASSERT_TRUE(h.from_host().push(slot));
    h.settle();
    EXPECT_TRUE(h.received().empty());
    EXPECT_EQ(h.drops(DropReason::tx_over_mtu), 1u);
}

TEST(HostPort, AKernelThatDoesNotDrainCostsFramesByNameAndNoMedia) {
    Harness h(with_host_port);
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000);
    constexpr unsigned surplus = 50;
    for (unsigned n = 0; n < port::host_ring_slots + surplus; ++n) {
        h.send_frame(ipv4_of(6));
        if (n % 100 == 0) {
            h.send(publisher, vp8_packet(static_cast<std::uint16_t>(n / 100), 3000u * n, 0x1111, n == 0));
            h.settle();
        }
    }
    h.settle();
    EXPECT_EQ(drained(h.to_host()).size(), port::host_ring_slots);
    EXPECT_EQ(h.drops(DropReason::host_ring_full), surplus);
    std::size_t rtp = 0;
    for (const Frame& p : h.payloads_to(viewer, h.received())) rtp += !wire::is_rtcp(p[1]);
    EXPECT_EQ(rtp, 4u);
}

TEST(HostPort, AFloodIsLimitedAndABroadcastStormLeavesRoomForUnicast) {
    Harness h(with_host_port);
    std::size_t got = 0;
    const auto flood = [&](const Frame& frame, unsigned count) {
        for (unsigned n = 0; n < count; ++n) {
            h.send_frame(frame);
            if (n % 100 == 99) {
                h.settle();
                got += drained(h.to_host()).size();
            }
        }
    };
    flood(frame_of_type(Mac::broadcast(), wire::ethertype_arp), 10'000);
    EXPECT_EQ(got + h.drops(DropReason::host_limited), 10'000u);
    EXPECT_GT(h.drops(DropReason::host_limited), 5'000u);
    const std::uint64_t limited = h.drops(DropReason::host_limited);
    got = 0;
    flood(ipv4_of(6), 1'000);
    EXPECT_EQ(got, 1'000u);
    EXPECT_EQ(h.drops(DropReason::host_limited), limited);
}

}  // namespace
}  // namespace sluice::test
