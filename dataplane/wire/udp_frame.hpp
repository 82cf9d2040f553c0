// Ethernet frames from the network: what they are, and, for UDP over IPv4 or IPv6, where everything
// lies. Every length is checked here once, so that later stages may index the frame by the result.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/endpoint.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice::wire {

enum class FrameError : std::uint8_t {
    truncated_ethernet,
    truncated_vlan,
    not_ip,
    truncated_ip,
    bad_ip_version,        // the version nibble contradicts the ethertype
    bad_ip_header_length,  // IHL below 5, or beyond the packet
    bad_ip_length,         // total or payload length below the headers, or beyond the frame
    fragment,              // first and later fragments alike, both families
    ipv6_extension_header,
    not_udp,
    source_not_unicast,  // multicast, broadcast or unspecified source address
    truncated_udp,
    bad_udp_length,
    port_zero,
};
[[nodiscard]] std::string_view to_string(FrameError error) noexcept;

struct UdpDatagram {
    Mac source_mac;
    Mac destination_mac;
    std::optional<std::uint16_t> vlan;  // VLAN id of a single 802.1Q tag
    Endpoint source;
    Endpoint destination;
    std::uint16_t l3_offset = 0;
    std::uint16_t l4_offset = 0;
    std::uint16_t payload_offset = 0;
    std::uint16_t payload_length = 0;  // by the UDP length, so Ethernet padding is excluded
    std::uint8_t ttl = 0;              // or hop limit
    std::uint8_t dscp = 0;
    std::uint8_t ecn = 0;

    [[nodiscard]] ByteView payload(ByteView frame) const noexcept { return frame.subspan(payload_offset, payload_length); }
};

// Checksums are left to the NIC, or to the two functions below. IPv4 options are skipped.
// A fragment is refused by name (FrameError::fragment): the result is always a whole datagram.
[[nodiscard]] std::expected<UdpDatagram, FrameError> parse_udp_frame(ByteView frame) noexcept;

[[nodiscard]] bool ip_checksum_valid(ByteView frame, const UdpDatagram& datagram) noexcept;
// An absent checksum (zero) is valid over IPv4 and invalid over IPv6 (RFC 8200 section 8.1).
[[nodiscard]] bool udp_checksum_valid(ByteView frame, const UdpDatagram& datagram) noexcept;

enum class FrameClass : std::uint8_t {
    udp,
    arp,
    icmp_echo,   // IPv4 echo request
    icmp_other,  // IPv4
    icmp6_echo,  // echo request
    neighbor_solicit,
    icmp6_other,
    fragment,
    other,
};
[[nodiscard]] std::string_view to_string(FrameClass frame_class) noexcept;

// By headers only: a frame of a class may still be refused by the class's own parser.
[[nodiscard]] FrameClass classify_frame(ByteView frame) noexcept;

}  // namespace sluice::wire
