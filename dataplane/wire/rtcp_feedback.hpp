// Bodies of the feedback messages NACK and PLI (RFC 4585), FIR (RFC 5104) and REMB
// (draft-alvestrand-rmcat-remb-03). Transport-wide feedback is twcc.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "dataplane/wire/rtcp.hpp"

namespace sluice::wire {

// The media SSRC of any feedback message: the second word. 0 if the body is too short.
[[nodiscard]] std::uint32_t feedback_media_ssrc(const RtcpPacketView& packet) noexcept;

// The (PID, BLP) pairs of a generic NACK.
[[nodiscard]] std::expected<ByteView, RtcpError> nack_items(const RtcpPacketView& packet) noexcept;

// fn(uint16_t sequence) for each packet asked for, in the order of the message.
template <typename F>
std::expected<void, RtcpError> for_each_nack(const RtcpPacketView& packet, F&& fn) {
    const auto items = nack_items(packet);
    if (!items) return std::unexpected(items.error());
    for (std::size_t at = 0; at < items->size(); at += 4) {
        const std::uint16_t pid = load<be16>(items->data() + at).value();
        fn(pid);
        const std::uint16_t blp = load<be16>(items->data() + at + 2).value();
        for (unsigned bit = 0; bit < 16; ++bit) {
            if ((blp >> bit) & 1) fn(static_cast<std::uint16_t>(pid + bit + 1));
        }
    }
    return {};
}

// The media SSRC whose picture was lost.
[[nodiscard]] std::expected<std::uint32_t, RtcpError> read_pli(const RtcpPacketView& packet) noexcept;

[[nodiscard]] std::expected<ByteView, RtcpError> fir_entries(const RtcpPacketView& packet) noexcept;

// fn(uint32_t ssrc, uint8_t command_sequence); a repeated command sequence repeats the same request.
template <typename F>
std::expected<void, RtcpError> for_each_fir(const RtcpPacketView& packet, F&& fn) {
    const auto entries = fir_entries(packet);
    if (!entries) return std::unexpected(entries.error());
    for (std::size_t at = 0; at < entries->size(); at += 8) {
        fn(load<be32>(entries->data() + at).value(), (*entries)[at + 4]);
    }
    return {};
}

struct Remb {
    std::uint64_t bitrate = 0;  // bit/s; saturated where the exponent goes beyond 64 bits
    ByteView sources;           // SSRCs, 4 bytes each

    [[nodiscard]] std::size_t source_count() const noexcept { return sources.size() / 4; }
    [[nodiscard]] std::uint32_t source(std::size_t index) const noexcept {
        return load<be32>(sources.data() + 4 * index).value();
    }
};
// wrong_type for other application-layer feedback.
[[nodiscard]] std::expected<Remb, RtcpError> read_remb(const RtcpPacketView& packet) noexcept;

}  // namespace sluice::wire
