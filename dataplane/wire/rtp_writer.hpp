// Writes an RTP header (RFC 3550) with a block of extension elements (RFC 8285) into the caller's
// buffer; the payload is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.hpp"

namespace sluice::wire {

struct RtpHeader {
    std::uint8_t payload_type = 0;  // 0..127
    bool marker = false;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t ssrc = 0;
};

struct RtpExtensionElement {
    std::uint8_t id;  // 1..255; 15 and above force the two-byte form
    ByteView value;   // 0..255 bytes; none, or more than 16, force the two-byte form
};

enum class RtpWriteError : std::uint8_t { buffer_too_small, bad_payload_type, bad_extension_id, extension_too_long };
[[nodiscard]] std::string_view to_string(RtpWriteError error) noexcept;

// Returns the header's size, a multiple of 4. The one-byte form is used whenever every element allows it.
[[nodiscard]] std::expected<std::size_t, RtpWriteError> write_rtp_header(
    ByteSpan out, const RtpHeader& header, std::span<const RtpExtensionElement> extensions = {}) noexcept;

}  // namespace sluice::wire
