// What shares our UDP port, told apart by the first byte (RFC 7983, updated by RFC 9443) and RTCP
// from RTP by the second (RFC 5761 section 4).
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::wire {

enum class PacketClass : std::uint8_t { stun, zrtp, dtls, turn_channel, quic, rtp, unknown };

[[nodiscard]] constexpr PacketClass first_byte_class(std::uint8_t first) noexcept {
    if (first <= 3) return PacketClass::stun;
    if (first < 16) return PacketClass::unknown;
    if (first <= 19) return PacketClass::zrtp;
    if (first <= 63) return PacketClass::dtls;
    if (first <= 79) return PacketClass::turn_channel;
    if (first <= 127) return PacketClass::quic;
    if (first <= 191) return PacketClass::rtp;
    return PacketClass::quic;
}

// Of a packet of class rtp: payload types 64..95 with the marker set are RTCP packet types 192..223.
[[nodiscard]] constexpr bool is_rtcp(std::uint8_t second) noexcept {
    return second >= 192 && second <= 223;
}

[[nodiscard]] constexpr std::string_view to_string(PacketClass packet_class) noexcept {
    switch (packet_class) {
        case PacketClass::stun: return "stun";
        case PacketClass::zrtp: return "zrtp";
        case PacketClass::dtls: return "dtls";
        case PacketClass::turn_channel: return "turn_channel";
        case PacketClass::quic: return "quic";
        case PacketClass::rtp: return "rtp";
        case PacketClass::unknown: break;
    }
    return "unknown";
}

}  // namespace sluice::wire
