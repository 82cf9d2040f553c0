// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//
// Partial sums are made of 16-bit words as they stand in memory: the ones' complement sum commutes
// with the byte order, so nothing is swapped until, as a be16, the result is stored.
#pragma once

#include <cstdint>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/bytes.hpp"
#include "dataplane/base/ip_address.hpp"
#include "dataplane/wire/headers.hpp"

namespace sluice::wire {

// Adds `bytes` to a partial sum. Of several chunks only the last may have an odd length.
[[nodiscard]] std::uint64_t checksum_add(std::uint64_t sum, ByteView bytes) noexcept;

[[nodiscard]] constexpr std::uint64_t checksum_add(std::uint64_t sum, be16 word) noexcept {
    return sum + word.raw();
}

// To 16 bits, not complemented: what a NIC that finishes the sum wants in the field.
[[nodiscard]] constexpr std::uint16_t checksum_fold(std::uint64_t sum) noexcept {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// The value of the checksum field.
[[nodiscard]] constexpr be16 checksum_finish(std::uint64_t sum) noexcept {
    return be16::from_raw(static_cast<std::uint16_t>(~checksum_fold(sum)));
}

// As checksum_finish, but never zero, which in UDP means "none" (RFC 768).
[[nodiscard]] constexpr be16 checksum_finish_udp(std::uint64_t sum) noexcept {
    const be16 checksum = checksum_finish(sum);
    return checksum.raw() == 0 ? be16{0xffff} : checksum;
}

[[nodiscard]] inline be16 internet_checksum(ByteView bytes) noexcept {
    return checksum_finish(checksum_add(0, bytes));
}

// Pseudo-header sums; `length` is that of the upper-layer header and payload. Both addresses are of one family.
[[nodiscard]] std::uint64_t pseudo_header4(be32 source, be32 destination, std::uint8_t protocol,
                                           std::uint16_t length) noexcept;
[[nodiscard]] std::uint64_t pseudo_header6(const std::array<std::uint8_t, 16>& source,
                                           const std::array<std::uint8_t, 16>& destination, std::uint8_t protocol,
                                           std::uint32_t length) noexcept;

// The checksum field of a UDP header and payload, whose own checksum field must hold zero.
[[nodiscard]] be16 udp4_checksum(be32 source, be32 destination, ByteView udp) noexcept;
[[nodiscard]] be16 udp6_checksum(const std::array<std::uint8_t, 16>& source, const std::array<std::uint8_t, 16>& destination,
                                 ByteView udp) noexcept;

// RFC 1624 equation 3, after one 16-bit word changed.
[[nodiscard]] constexpr be16 checksum_update(be16 checksum, be16 before, be16 after) noexcept {
    return checksum_finish(std::uint64_t{static_cast<std::uint16_t>(~checksum.raw())} +
                           static_cast<std::uint16_t>(~before.raw()) + after.raw());
}

}  // namespace sluice::wire
