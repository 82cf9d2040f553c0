#include "dataplane/wire/rtp_writer.hpp"

#include <algorithm>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/wire/rtp.hpp"

namespace sluice::wire {

std::expected<std::size_t, RtpWriteError> write_rtp_header(ByteSpan out, const RtpHeader& header,
                                                           std::span<const RtpExtensionElement> extensions) noexcept {
    if (header.payload_type > 127) return std::unexpected(RtpWriteError::bad_payload_type);
    bool two_byte = false;
    std::size_t values = 0;
    for (const auto& [id, value] : extensions) {
        if (id == 0) return std::unexpected(RtpWriteError::bad_extension_id);
        if (value.size() > 255) return std::unexpected(RtpWriteError::extension_too_long);
        two_byte = two_byte || id > 14 || value.empty() || value.size() > 16;
        values += value.size();
    }
    const std::size_t block = (values + extensions.size() * (two_byte ? 2 : 1) + 3) & ~std::size_t{3};
    if (block / 4 > 0xffff) return std::unexpected(RtpWriteError::extension_too_long);
    const std::size_t size = rtp_header_size + (extensions.empty() ? 0 : 4 + block);
    if (size > out.size()) return std::unexpected(RtpWriteError::buffer_too_small);

    out[0] = extensions.empty() ? 0x80 : 0x90;
    out[1] = static_cast<std::uint8_t>((header.marker ? 0x80 : 0) | header.payload_type);
    store(out.data() + 2, be16{header.sequence});
    store(out.data() + 4, be32{header.timestamp});
    store(out.data() + 8, be32{header.ssrc});
    if (extensions.empty()) return size;

    store(out.data() + 12, be16{two_byte ? rtp_two_byte_profile : rtp_one_byte_profile});
    store(out.data() + 14, be16{static_cast<std::uint16_t>(block / 4)});
    std::size_t at = rtp_header_size + 4;
    for (const auto& [id, value] : extensions) {
        if (two_byte) {
            out[at++] = id;
            out[at++] = static_cast<std::uint8_t>(value.size());
        } else {
            out[at++] = static_cast<std::uint8_t>(id << 4 | (value.size() - 1));
        }
        std::ranges::copy(value, out.begin() + static_cast<std::ptrdiff_t>(at));
        at += value.size();
    }
    std::ranges::fill(out.subspan(at, size - at), std::uint8_t{0});
    return size;
}

std::string_view to_string(RtpWriteError error) noexcept {
    switch (error) {
        case RtpWriteError::buffer_too_small: return "buffer_too_small";
        case RtpWriteError::bad_payload_type: return "bad_payload_type";
        case RtpWriteError::bad_extension_id: return "bad_extension_id";
        case RtpWriteError::extension_too_long: return "extension_too_long";
    }
    return "unknown";
}

}  // namespace sluice::wire
