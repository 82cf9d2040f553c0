// Checksums by the NIC where it offers them, in software where not: the same frames on the wire either way.

#include <rte_ethdev.h>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/headers.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

constexpr std::uint64_t udp = RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr std::uint64_t ip = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;

struct Egress {
    std::vector<SentFrame> asked;  // as the port got them
    std::vector<Frame> wire;       // as they leave it
};

// Media towards an IPv4, an IPv6 and a tagged viewer through a port with these offloads.
Egress egress_with(std::uint64_t offloads) {
    FakeFlowPmd nic(1, {.tx_offloads = offloads});
    Harness h({.workers = 1, .device = &nic});
    EXPECT_EQ(nic.configured_tx(), offloads) << "everything that is offered is asked for";
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer4 = h.add_peer(6000);
    h.add_video_leg(viewer4, source, 0x9000);
    Peer viewer6;
    viewer6.address = {*IpAddress::parse("fd77:7777::2"), 6001};
    viewer6.transport = 900;
    abi::TransportSpec spec = h.transport_spec(viewer6.transport, 6001, 0);
    spec.path.remote_ip = viewer6.address.address.bytes;
    spec.path.local_ip = IpAddress::parse("fd77:7777::1")->bytes;
    EXPECT_EQ(h.program(spec), abi::Status::ok);
    h.add_video_leg(viewer6, source, 0x9001);
    Peer tagged;
    tagged.address = {*IpAddress::parse("10.77.0.2"), 6002};
    tagged.transport = 901;
    spec = h.transport_spec(tagged.transport, 6002, 0);
    spec.path.vlan = 7;
    EXPECT_EQ(h.program(spec), abi::Status::ok);
    h.add_video_leg(tagged, source, 0x9002);
    (void)h.received();
    Egress out;
    for (std::uint16_t n = 0; n < 20; ++n) {
        h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0, 100u + n * 53u));  // odd and even lengths
        h.settle();
        for (SentFrame& frame : h.sent()) {
            const auto d = wire::parse_udp_frame(frame.bytes);
            if (!d || d->destination.port == 5000 || wire::is_rtcp(d->payload(frame.bytes)[1]))
                continue;  // reports have their own time
            out.wire.push_back(finish_as_hardware(frame));
            out.asked.push_back(std::move(frame));
        }
    }
    EXPECT_EQ(out.wire.size(), 60u);
    return out;
}

TEST(Offload, TheSameFramesLeaveAPortWithAndWithoutIt) {
    const Egress software = egress_with(0);
    for (const std::uint64_t offloads : {udp, ip, udp | ip, udp | ip | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE}) {
        const Egress hardware = egress_with(offloads);
        EXPECT_EQ(hardware.wire, software.wire) << "offloads " << offloads;
    }
    for (const Frame& frame : software.wire) {
        const auto d = wire::parse_udp_frame(frame);
        ASSERT_TRUE(d.has_value());
        EXPECT_TRUE(wire::ip_checksum_valid(frame, *d));
        EXPECT_TRUE(wire::udp_checksum_valid(frame, *d));
        EXPECT_NE(load<be16>(frame.data() + d->l4_offset + offsetof(wire::UdpHeader, checksum)).raw(), 0);
    }
}

TEST(Offload, WithoutAnOfferTheMbufAsksForNothing) {
    for (const SentFrame& frame : egress_with(0).asked) EXPECT_EQ(frame.flags, 0u);
}

TEST(Offload, TheMbufCarriesFlagsLengthsAndThePseudoHeadersSum) {
    std::size_t v4 = 0, v6 = 0, tagged = 0;
    for (const SentFrame& frame : egress_with(udp | ip).asked) {
        const auto d = wire::parse_udp_frame(frame.bytes);
        ASSERT_TRUE(d.has_value());
        const auto length = static_cast<std::uint16_t>(sizeof(wire::UdpHeader) + d->payload_length);
        const be16 field = load<be16>(frame.bytes.data() + d->l4_offset + offsetof(wire::UdpHeader, checksum));
        std::uint64_t pseudo = 0;
        if (d->source.address.is_v4()) {
            EXPECT_EQ(frame.flags, RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4);
            EXPECT_EQ(frame.l2_length, d->vlan ? 18 : 14);
            EXPECT_EQ(frame.l3_length, 20);
            EXPECT_EQ(load<be16>(frame.bytes.data() + frame.l2_length + offsetof(wire::Ipv4Header, checksum)).raw(), 0);
            pseudo = wire::pseudo_header4(d->source.address.v4(), d->destination.address.v4(), wire::protocol_udp, length);
            ++(d->vlan ? tagged : v4);
        } else {
            EXPECT_EQ(frame.flags, RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6);
            EXPECT_EQ(frame.l2_length, 14);
            EXPECT_EQ(frame.l3_length, 40);
            pseudo = wire::pseudo_header6(d->source.address.bytes, d->destination.address.bytes, wire::protocol_udp, length);
            ++v6;
        }
        EXPECT_EQ(field.raw(), wire::checksum_fold(pseudo)) << "folded, not complemented";
    }
    EXPECT_EQ(v4, 20u);
    EXPECT_EQ(v6, 20u);
    EXPECT_EQ(tagged, 20u);
}

TEST(Offload, ThePortBlockSaysWhatThePortDoes) {
    FakeFlowPmd nic(1, {.tx_offloads = udp | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
                        .rx_offloads = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_SCATTER});
    Harness h({.workers = 1, .device = &nic});
    EXPECT_EQ(h.plane().segment().port(0).offloads,
              abi::offload_udp_checksum | abi::offload_fast_free | abi::offload_rx_ipv4_checksum);
    EXPECT_EQ(nic.configured_tx(), udp | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) << "and nothing that nobody uses";
}

TEST(Offload, WhatTheNicVerifiedIsNotVerifiedAgain) {
    struct Case {
        const char* what;
        std::uint64_t flags;
        bool header_intact;
        bool accepted;
    };
    const Case cases[] = {
        {"no verdict, intact", RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, true, true},
        {"no verdict, broken", RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, false, false},
        {"good", RTE_MBUF_F_RX_IP_CKSUM_GOOD, true, true},
        {"good, so nobody looks", RTE_MBUF_F_RX_IP_CKSUM_GOOD, false, true},
        {"bad, so nobody looks", RTE_MBUF_F_RX_IP_CKSUM_BAD, true, false},
        {"the field is empty, the data is good", RTE_MBUF_F_RX_IP_CKSUM_NONE, false, true},
        {"bad UDP checksum", RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, true, false},
        {"good UDP checksum", RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, true},
        {"no UDP checksum", RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_NONE, true, true},
    };
    Harness h;
    const Peer publisher = h.add_peer(5000);
    h.add_video_source(publisher, 0x1111);
    std::uint16_t n = 0;
    for (const Case& c : cases) {
        Frame frame = Harness::frame_of(publisher, vp8_packet(++n, 0, 0x1111, true));
        if (!c.header_intact) frame[14 + offsetof(wire::Ipv4Header, checksum)] ^= 1;
        const std::uint64_t opened = h.counters().rtp_in;
        const std::uint64_t dropped = h.drops(DropReason::frame_bad_checksum);
        h.send_frame(frame, 0, c.flags);
        h.settle();
        EXPECT_EQ(h.counters().rtp_in - opened, c.accepted ? 1u : 0u) << c.what;
        EXPECT_EQ(h.drops(DropReason::frame_bad_checksum) - dropped, c.accepted ? 0u : 1u) << c.what;
    }
}

}  // namespace
}  // namespace sluice::test
