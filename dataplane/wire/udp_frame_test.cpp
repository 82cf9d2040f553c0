#include "dataplane/wire/udp_frame.hpp"

#include <gtest/gtest.h>

#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/test_frames.hpp"

namespace sluice::wire {
namespace {

using test::Bytes;

// A named change to a good frame, and what comes of it.
struct Refusal {
    const char* name;
    bool v6;
    void (*change)(Bytes&);
    FrameError expected;
};

void poke16(Bytes& frame, std::size_t at, std::uint16_t value) {
    store(frame.data() + at, be16{value});
}

constexpr std::size_t ip = 14;
constexpr std::size_t udp4 = ip + 20;
constexpr std::size_t udp6 = ip + 40;

const Refusal refusals[] = {
    {"empty", false, [](Bytes& f) { f.clear(); }, FrameError::truncated_ethernet},
    {"13 bytes", false, [](Bytes& f) { f.resize(13); }, FrameError::truncated_ethernet},
    {"cut VLAN tag", false,
     [](Bytes& f) {
         poke16(f, 12, ethertype_vlan);
         f.resize(17);
     },
     FrameError::truncated_vlan},
    {"two VLAN tags", false,
     [](Bytes& f) {
         poke16(f, 12, ethertype_vlan);
         poke16(f, 16, ethertype_vlan);
     },
     FrameError::not_ip},
    {"ARP", false, [](Bytes& f) { poke16(f, 12, ethertype_arp); }, FrameError::not_ip},
    {"cut IPv4 header", false, [](Bytes& f) { f.resize(33); }, FrameError::truncated_ip},
    {"cut IPv6 header", true, [](Bytes& f) { f.resize(53); }, FrameError::truncated_ip},
    {"IPv6 under the IPv4 ethertype", false, [](Bytes& f) { f[ip] = 0x65; }, FrameError::bad_ip_version},
    {"IPv4 under the IPv6 ethertype", true, [](Bytes& f) { f[ip] = 0x45; }, FrameError::bad_ip_version},
    {"IHL 4", false, [](Bytes& f) { f[ip] = 0x44; }, FrameError::bad_ip_header_length},
    {"IHL beyond the packet", false, [](Bytes& f) { f[ip] = 0x4f; }, FrameError::bad_ip_header_length},
    {"total length beyond the frame", false, [](Bytes& f) { poke16(f, ip + 2, 200); }, FrameError::bad_ip_length},
    {"total length below the header", false, [](Bytes& f) { poke16(f, ip + 2, 19); }, FrameError::bad_ip_header_length},
    {"payload length beyond the frame", true, [](Bytes& f) { poke16(f, ip + 4, 200); }, FrameError::bad_ip_length},
    {"first fragment", false, [](Bytes& f) { poke16(f, ip + 6, 0x2000); }, FrameError::fragment},
    {"later fragment", false, [](Bytes& f) { poke16(f, ip + 6, 0x0010); }, FrameError::fragment},
    {"IPv6 fragment", true, [](Bytes& f) { f[ip + 6] = 44; }, FrameError::fragment},
    {"hop-by-hop", true, [](Bytes& f) { f[ip + 6] = 0; }, FrameError::ipv6_extension_header},
    {"routing", true, [](Bytes& f) { f[ip + 6] = 43; }, FrameError::ipv6_extension_header},
    {"destination options", true, [](Bytes& f) { f[ip + 6] = 60; }, FrameError::ipv6_extension_header},
    {"TCP", false, [](Bytes& f) { f[ip + 9] = 6; }, FrameError::not_udp},
    {"TCP over IPv6", true, [](Bytes& f) { f[ip + 6] = 6; }, FrameError::not_udp},
    {"multicast source", false, [](Bytes& f) { f[ip + 12] = 224; }, FrameError::source_not_unicast},
    {"broadcast source", false, [](Bytes& f) { std::fill_n(f.begin() + ip + 12, 4, std::uint8_t{255}); },
     FrameError::source_not_unicast},
    {"unspecified source", true, [](Bytes& f) { std::fill_n(f.begin() + ip + 8, 16, std::uint8_t{0}); },
     FrameError::source_not_unicast},
    {"mapped source over IPv6", true, [](Bytes& f) { store(f.data() + ip + 8, IpAddress::from_v4(be32{0x0a000001}).bytes); },
     FrameError::source_not_unicast},
    {"no room for UDP", false, [](Bytes& f) { poke16(f, ip + 2, 27); }, FrameError::truncated_udp},
    {"UDP length beyond IP", false, [](Bytes& f) { poke16(f, udp4 + 4, 13); }, FrameError::bad_udp_length},
    {"UDP length 7", true, [](Bytes& f) { poke16(f, udp6 + 4, 7); }, FrameError::bad_udp_length},
    {"source port 0", false, [](Bytes& f) { poke16(f, udp4, 0); }, FrameError::port_zero},
    {"destination port 0", true, [](Bytes& f) { poke16(f, udp6 + 2, 0); }, FrameError::port_zero},
};

TEST(UdpFrame, RefusesEachDefectByName) {
    for (const Refusal& refusal : refusals) {
        Bytes frame = test::frame_of(refusal.v6 ? test::path6() : test::path4(), {1, 2, 3, 4});
        ASSERT_TRUE(parse_udp_frame(frame));
        refusal.change(frame);
        const auto parsed = parse_udp_frame(frame);
        ASSERT_FALSE(parsed) << refusal.name;
        EXPECT_EQ(parsed.error(), refusal.expected) << refusal.name << ": " << to_string(parsed.error());
    }
}

TEST(UdpFrame, FindsEverythingOfAnIpv4Datagram) {
    Bytes frame = test::frame_of(test::path4(), {1, 2, 3, 4, 5});
    frame[ip + 1] |= 3;
    frame.resize(60);  // Ethernet's own padding
    const auto parsed = parse_udp_frame(frame);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->source_mac, test::mac_a);
    EXPECT_EQ(parsed->destination_mac, test::mac_b);
    EXPECT_EQ(parsed->source.to_string(), "192.0.2.1:4000");
    EXPECT_EQ(parsed->destination.to_string(), "198.51.100.7:7882");
    EXPECT_FALSE(parsed->vlan);
    EXPECT_EQ(parsed->payload_offset, 42);
    EXPECT_EQ(parsed->payload_length, 5);
    EXPECT_EQ(parsed->payload(frame)[4], 5);
    EXPECT_EQ(parsed->ttl, 61);
    EXPECT_EQ(parsed->dscp, 46);
    EXPECT_EQ(parsed->ecn, 3);
}

TEST(UdpFrame, FindsEverythingOfATaggedIpv6Datagram) {
    auto path = test::path6();
    path.vlan = 100;
    const Bytes frame = test::frame_of(path, {1, 2, 3});
    const auto parsed = parse_udp_frame(frame);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->vlan, 100);
    EXPECT_EQ(parsed->source.to_string(), "[2001:db8::1]:4000");
    EXPECT_EQ(parsed->payload_offset, 66);
    EXPECT_EQ(parsed->payload_length, 3);
    EXPECT_EQ(parsed->ttl, 61);
    EXPECT_EQ(parsed->dscp, 46);
    EXPECT_TRUE(udp_checksum_valid(frame, *parsed));
}

TEST(UdpFrame, SkipsIpv4Options) {
    Bytes frame = test::frame_of(test::path4(), {9, 8});
    frame.insert(frame.begin() + udp4, {1, 1, 1, 0});
    frame[ip] = 0x46;
    poke16(frame, ip + 2, static_cast<std::uint16_t>(frame.size() - ip));
    const auto parsed = parse_udp_frame(frame);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->payload_offset, 46);
    EXPECT_EQ(parsed->payload_length, 2);
}

TEST(UdpFrame, AcceptsAnEmptyPayload) {
    const auto parsed = parse_udp_frame(test::frame_of(test::path4(), {}));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->payload_length, 0);
}

TEST(UdpFrame, SeesABrokenChecksum) {
    for (const bool v6 : {false, true}) {
        Bytes frame = test::frame_of(v6 ? test::path6() : test::path4(), {1, 2, 3});
        const auto parsed = parse_udp_frame(frame).value();
        EXPECT_TRUE(ip_checksum_valid(frame, parsed));
        EXPECT_TRUE(udp_checksum_valid(frame, parsed));
        frame.back() ^= 1;
        EXPECT_FALSE(udp_checksum_valid(frame, parsed));
        poke16(frame, parsed.l4_offset + 6U, 0);
        EXPECT_EQ(udp_checksum_valid(frame, parsed), !v6);
        frame[ip + 8] ^= 1;
        EXPECT_EQ(ip_checksum_valid(frame, parsed), v6);
    }
}

TEST(UdpFrame, IsClassifiedByItsHeaders) {
    const auto changed = [](bool v6, void (*change)(Bytes&)) {
        Bytes frame = test::frame_of(v6 ? test::path6() : test::path4(), {1, 2, 3});
        change(frame);
        return classify_frame(frame);
    };
    EXPECT_EQ(changed(false, [](Bytes&) {}), FrameClass::udp);
    EXPECT_EQ(changed(true, [](Bytes&) {}), FrameClass::udp);
    EXPECT_EQ(changed(false, [](Bytes& f) { poke16(f, 12, ethertype_arp); }), FrameClass::arp);
    EXPECT_EQ(changed(false,
                      [](Bytes& f) {
                          f[ip + 9] = 1;
                          f[udp4] = 8;
                      }),
              FrameClass::icmp_echo);
    EXPECT_EQ(changed(false,
                      [](Bytes& f) {
                          f[ip + 9] = 1;
                          f[udp4] = 3;
                      }),
              FrameClass::icmp_other);
    EXPECT_EQ(changed(true,
                      [](Bytes& f) {
                          f[ip + 6] = 58;
                          f[udp6] = 128;
                      }),
              FrameClass::icmp6_echo);
    EXPECT_EQ(changed(true,
                      [](Bytes& f) {
                          f[ip + 6] = 58;
                          f[udp6] = 135;
                      }),
              FrameClass::neighbor_solicit);
    EXPECT_EQ(changed(true,
                      [](Bytes& f) {
                          f[ip + 6] = 58;
                          f[udp6] = 2;
                      }),
              FrameClass::icmp6_other);
    EXPECT_EQ(changed(false, [](Bytes& f) { poke16(f, ip + 6, 0x2000); }), FrameClass::fragment);
    EXPECT_EQ(changed(true, [](Bytes& f) { f[ip + 6] = 44; }), FrameClass::fragment);
    EXPECT_EQ(changed(false, [](Bytes& f) { f[ip + 9] = 6; }), FrameClass::other);
    EXPECT_EQ(changed(false, [](Bytes& f) { f.resize(10); }), FrameClass::other);
}

}  // namespace
}  // namespace sluice::wire
