// Field positions of RTP and SRTCP packets (RFC 3550, RFC 3711 3.4, RFC 7714 9.2), in bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::srtp {

inline constexpr std::size_t rtp_fixed_header = 12;
inline constexpr std::size_t rtp_ssrc_offset = 8;
// What stays in clear of a compound RTCP packet: the first header and the sender's SSRC.
inline constexpr std::size_t rtcp_clear_header = 8;
inline constexpr std::size_t rtcp_ssrc_offset = 4;
inline constexpr std::uint32_t rtcp_encrypted_flag = 0x80000000;

[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* bytes) noexcept {
    return load<be32>(bytes).value();
}
inline void store_be32(std::uint8_t* bytes, std::uint32_t value) noexcept {
    store(bytes, be32(value));
}

}  // namespace sluice::srtp
