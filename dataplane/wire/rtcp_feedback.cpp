#include "dataplane/wire/rtcp_feedback.hpp"

#include <limits>

namespace sluice::wire {
namespace {

constexpr std::size_t feedback_header_size = 8;  // SSRCs of the sender and of the media

// The feedback control information: whole entries, at least one.
std::expected<ByteView, RtcpError> entries_of(const RtcpPacketView& packet, RtcpType type, std::uint8_t format,
                                              std::size_t entry_size) noexcept {
    if (!packet.is(type, format)) return std::unexpected(RtcpError::wrong_type);
    if (packet.body.size() < feedback_header_size + entry_size) return std::unexpected(RtcpError::truncated_body);
    const ByteView entries = packet.body.subspan(feedback_header_size);
    if (entries.size() % entry_size != 0) return std::unexpected(RtcpError::truncated_body);
    return entries;
}

}  // namespace

std::uint32_t feedback_media_ssrc(const RtcpPacketView& packet) noexcept {
    return packet.body.size() < feedback_header_size ? 0 : load<be32>(packet.body.data() + 4).value();
}

std::expected<ByteView, RtcpError> nack_items(const RtcpPacketView& packet) noexcept {
    return entries_of(packet, RtcpType::transport_feedback, rtpfb_nack, 4);
}

std::expected<std::uint32_t, RtcpError> read_pli(const RtcpPacketView& packet) noexcept {
    if (!packet.is(RtcpType::payload_feedback, psfb_pli)) return std::unexpected(RtcpError::wrong_type);
    if (packet.body.size() < feedback_header_size) return std::unexpected(RtcpError::truncated_body);
    return feedback_media_ssrc(packet);
}

std::expected<ByteView, RtcpError> fir_entries(const RtcpPacketView& packet) noexcept {
    return entries_of(packet, RtcpType::payload_feedback, psfb_fir, 8);
}

std::expected<Remb, RtcpError> read_remb(const RtcpPacketView& packet) noexcept {
    if (!packet.is(RtcpType::payload_feedback, psfb_application)) return std::unexpected(RtcpError::wrong_type);
    constexpr std::size_t fixed = feedback_header_size + 8;
    if (packet.body.size() < feedback_header_size + 4) return std::unexpected(RtcpError::truncated_body);
    const std::uint8_t* at = packet.body.data() + feedback_header_size;
    if (load<be32>(at).value() != 0x52454d42) return std::unexpected(RtcpError::wrong_type);  // "REMB"
    if (packet.body.size() < fixed) return std::unexpected(RtcpError::truncated_body);
    const std::size_t sources = std::size_t{4} * at[4];
    if (packet.body.size() - fixed < sources) return std::unexpected(RtcpError::truncated_body);

    const unsigned exponent = at[5] >> 2;
    const std::uint64_t mantissa = load<be32>(at + 4).value() & 0x3ffff;
    Remb remb;
    remb.bitrate = mantissa > std::numeric_limits<std::uint64_t>::max() >> exponent
                       ? std::numeric_limits<std::uint64_t>::max()
                       : mantissa << exponent;
    remb.sources = packet.body.subspan(fixed, sources);
    return remb;
}

}  // namespace sluice::wire
