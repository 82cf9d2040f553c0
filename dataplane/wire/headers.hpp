// Ethernet, ARP, IP, UDP, ICMP and neighbour-discovery headers as they stand on the wire: packed
// big-endian PODs, size-asserted, to be loaded and stored with sluice::load and sluice::store.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice::wire {

inline constexpr std::uint16_t ethertype_ipv4 = 0x0800;
inline constexpr std::uint16_t ethertype_arp = 0x0806;
inline constexpr std::uint16_t ethertype_vlan = 0x8100;
inline constexpr std::uint16_t ethertype_ipv6 = 0x86dd;

inline constexpr std::uint8_t protocol_icmp = 1;
inline constexpr std::uint8_t protocol_udp = 17;
inline constexpr std::uint8_t protocol_fragment6 = 44;
inline constexpr std::uint8_t protocol_icmp6 = 58;

struct EthernetHeader {
    Mac destination;
    Mac source;
    be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

// What follows the 0x8100 of an 802.1Q frame.
struct VlanTag {
    be16 control;  // 3 bits priority, 1 bit DEI, 12 bits VLAN id
    be16 type;     // the ethertype of what follows
};
static_assert(sizeof(VlanTag) == 4);

struct Ipv4Header {
    std::uint8_t version_length;  // 4, and the header length in 32-bit words
    std::uint8_t tos;             // 6 bits DSCP, 2 bits ECN
    be16 total_length;
    be16 identification;
    be16 fragment;  // reserved, DF, MF, 13 bits of offset in 8-byte units
    std::uint8_t ttl;
    std::uint8_t protocol;
    be16 checksum;
    be32 source;
    be32 destination;
};
static_assert(sizeof(Ipv4Header) == 20);

inline constexpr std::uint16_t ipv4_dont_fragment = 0x4000;
inline constexpr std::uint16_t ipv4_fragment_mask = 0x3fff;  // MF and offset: non-zero means a fragment

struct Ipv6Header {
    be32 version_class_flow;
    be16 payload_length;
    std::uint8_t next_header;
    std::uint8_t hop_limit;
    std::array<std::uint8_t, 16> source;
    std::array<std::uint8_t, 16> destination;
};
static_assert(sizeof(Ipv6Header) == 40);

struct UdpHeader {
    be16 source;
    be16 destination;
    be16 length;  // header and payload
    be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

// RFC 826, for Ethernet and IPv4.
struct ArpPacket {
    be16 hardware_type;
    be16 protocol_type;
    std::uint8_t hardware_length;
    std::uint8_t protocol_length;
    be16 operation;
    Mac sender_mac;
    be32 sender_address;
    Mac target_mac;
    be32 target_address;
};
static_assert(sizeof(ArpPacket) == 28);

inline constexpr std::uint16_t arp_request = 1;
inline constexpr std::uint16_t arp_reply = 2;

// The first 8 bytes of ICMP and ICMPv6 echo; `rest` is identifier and sequence there.
struct IcmpHeader {
    std::uint8_t type;
    std::uint8_t code;
    be16 checksum;
    be32 rest;
};
static_assert(sizeof(IcmpHeader) == 8);
using Icmp6Header = IcmpHeader;

inline constexpr std::uint8_t icmp_echo_reply = 0;
inline constexpr std::uint8_t icmp_echo_request = 8;
inline constexpr std::uint8_t icmp6_echo_request = 128;
inline constexpr std::uint8_t icmp6_echo_reply = 129;
inline constexpr std::uint8_t icmp6_neighbor_solicit = 135;
inline constexpr std::uint8_t icmp6_neighbor_advert = 136;

// RFC 4861 section 4.3; options follow.
struct NeighborSolicit {
    IcmpHeader icmp;
    std::array<std::uint8_t, 16> target;
};
static_assert(sizeof(NeighborSolicit) == 24);

// RFC 4861 section 4.4, with the target link-layer address option that we always send.
struct NeighborAdvert {
    IcmpHeader icmp;  // `rest` holds the R, S and O flags in its top three bits
    std::array<std::uint8_t, 16> target;
    std::uint8_t option_type;
    std::uint8_t option_length;  // in units of 8 bytes
    Mac target_mac;
};
static_assert(sizeof(NeighborAdvert) == 32);

inline constexpr std::uint32_t neighbor_solicited = 0x40000000;
inline constexpr std::uint32_t neighbor_override = 0x20000000;

}  // namespace sluice::wire
