// One IP fragment, of either family: what it is a piece of, and which piece. Every length is checked here once.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/ip_address.hpp"

namespace sluice::wire {

struct Fragment {
    IpAddress source;
    IpAddress destination;
    std::uint32_t id = 0;
    std::uint8_t protocol = 0;        // of the datagram
    bool more = false;                // it is not the last one
    std::uint16_t l2_length = 0;      // 14 or 18
    std::uint16_t l3_length = 0;      // IP header with all that stands before the payload
    std::uint16_t offset = 0;         // of its bytes in the datagram's IP payload
    std::uint16_t length = 0;         // of its bytes
    std::uint16_t header_length = 0;  // of the IPv4 header; 0 for IPv6, which has no checksum

    [[nodiscard]] bool first() const noexcept { return offset == 0; }
    // The whole datagram with a fragment header all the same (RFC 6946).
    [[nodiscard]] bool atomic() const noexcept { return offset == 0 && !more; }
    [[nodiscard]] std::size_t end() const noexcept { return std::size_t{offset} + length; }
    [[nodiscard]] std::size_t payload_offset() const noexcept { return std::size_t{l2_length} + l3_length; }
};

// For frames that parse_udp_frame refused as FrameError::fragment. Nothing for one that contradicts itself: empty, cut
// off, not in units of 8 bytes though more follows, beyond 64 KB, or from no unicast address.
[[nodiscard]] std::optional<Fragment> parse_fragment(ByteView frame) noexcept;

}  // namespace sluice::wire
