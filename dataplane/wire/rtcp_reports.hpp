// Bodies of SR, RR, SDES and BYE (RFC 3550 section 6.4 to 6.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "dataplane/wire/rtcp.hpp"

namespace sluice::wire {

struct SenderInfo {
    std::uint64_t ntp = 0;  // 32.32 fixed point, seconds since 1900
    std::uint32_t rtp_timestamp = 0;
    std::uint32_t packet_count = 0;
    std::uint32_t octet_count = 0;  // payload only
};

struct ReportBlock {
    std::uint32_t ssrc = 0;                 // the source that is reported on
    std::uint8_t fraction_lost = 0;         // of 256, since the last report
    std::int32_t cumulative_lost = 0;       // 24 bits, signed: duplicates can make it negative
    std::uint32_t highest_sequence = 0;     // 16 bits of cycles, 16 bits of sequence
    std::uint32_t jitter = 0;               // in RTP timestamp units
    std::uint32_t last_sr = 0;              // middle 32 bits of the last SR's NTP time; 0 for none
    std::uint32_t delay_since_last_sr = 0;  // in 1/65536 s
};
inline constexpr std::size_t report_block_size = 24;

[[nodiscard]] std::expected<SenderInfo, RtcpError> read_sender_info(const RtcpPacketView& packet) noexcept;

// Of an SR or RR. All `count` blocks are there, or an error.
[[nodiscard]] std::expected<ByteView, RtcpError> report_blocks(const RtcpPacketView& packet) noexcept;
[[nodiscard]] ReportBlock read_report_block(const std::uint8_t* block) noexcept;

template <typename F>
std::expected<void, RtcpError> for_each_report_block(const RtcpPacketView& packet, F&& fn) {
    const auto blocks = report_blocks(packet);
    if (!blocks) return std::unexpected(blocks.error());
    for (std::size_t at = 0; at < blocks->size(); at += report_block_size) fn(read_report_block(blocks->data() + at));
    return {};
}

// fn(uint32_t ssrc) for each source that leaves.
[[nodiscard]] std::expected<ByteView, RtcpError> bye_sources(const RtcpPacketView& packet) noexcept;
template <typename F>
std::expected<void, RtcpError> for_each_bye(const RtcpPacketView& packet, F&& fn) {
    const auto sources = bye_sources(packet);
    if (!sources) return std::unexpected(sources.error());
    for (std::size_t at = 0; at < sources->size(); at += 4) fn(load<be32>(sources->data() + at).value());
    return {};
}

struct SdesItem {
    std::uint32_t ssrc = 0;
    std::uint8_t type = 0;  // 1 is CNAME
    std::string_view text;
};

// Walks the items of an SDES packet.
class SdesReader {
public:
    explicit SdesReader(const RtcpPacketView& packet) noexcept;
    // Next item; the end is an item of type 0.
    [[nodiscard]] std::expected<SdesItem, RtcpError> next() noexcept;

private:
    ByteView body_;
    std::size_t at_ = 0;
    std::uint32_t ssrc_ = 0;
    std::uint8_t chunks_ = 0;  // still to be opened
    bool in_chunk_ = false;
    bool wrong_type_ = false;
};

// fn(uint32_t ssrc, std::string_view cname).
template <typename F>
std::expected<void, RtcpError> for_each_cname(const RtcpPacketView& packet, F&& fn) {
    SdesReader reader(packet);
    while (true) {
        const auto item = reader.next();
        if (!item) return std::unexpected(item.error());
        if (item->type == 0) return {};
        if (item->type == 1) fn(item->ssrc, item->text);
    }
}

}  // namespace sluice::wire
