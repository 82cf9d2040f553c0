// Appends RTCP packets to a compound in the caller's buffer. Each call writes a whole packet and
// returns true, or, where it does not fit or an argument is out of range, writes nothing and returns
// false; so a caller may fill a datagram, send it and go on in the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/wire/rtcp.hpp"
#include "dataplane/wire/rtcp_reports.hpp"

namespace sluice::wire {

struct FirEntry {
    std::uint32_t ssrc = 0;
    std::uint8_t command_sequence = 0;
};

class RtcpWriter {
public:
    explicit RtcpWriter(ByteSpan out) noexcept : out_(out) {}

    // At most 31 blocks.
    [[nodiscard]] bool sender_report(std::uint32_t ssrc, const SenderInfo& info,
                                     std::span<const ReportBlock> blocks = {}) noexcept;
    [[nodiscard]] bool receiver_report(std::uint32_t ssrc, std::span<const ReportBlock> blocks = {}) noexcept;
    // 1..255 bytes.
    [[nodiscard]] bool sdes_cname(std::uint32_t ssrc, std::string_view cname) noexcept;
    // 1..31 sources.
    [[nodiscard]] bool bye(std::span<const std::uint32_t> ssrcs, std::string_view reason = {}) noexcept;
    // Ascending, across the wrap too; at least one.
    [[nodiscard]] bool nack(std::uint32_t sender_ssrc, std::uint32_t media_ssrc,
                            std::span<const std::uint16_t> sequences) noexcept;
    [[nodiscard]] bool pli(std::uint32_t sender_ssrc, std::uint32_t media_ssrc) noexcept;
    [[nodiscard]] bool fir(std::uint32_t sender_ssrc, std::span<const FirEntry> entries) noexcept;
    // The bitrate loses what does not fit in an 18-bit mantissa, downwards.
    [[nodiscard]] bool remb(std::uint32_t sender_ssrc, std::uint64_t bitrate, std::span<const std::uint32_t> ssrcs) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return used_; }
    [[nodiscard]] ByteView finish() const noexcept { return out_.first(used_); }
    // What is still free, for a packet that is written by other means, and its commitment.
    [[nodiscard]] ByteSpan room() const noexcept { return out_.subspan(used_); }
    void commit(std::size_t size) noexcept { used_ += size <= out_.size() - used_ ? size : 0; }

private:
    // Zeroed packet of `size` bytes (a multiple of 4) with its header; null when it does not fit.
    std::uint8_t* append(RtcpType type, std::size_t count, std::size_t size) noexcept;

    ByteSpan out_;
    std::size_t used_ = 0;
};

}  // namespace sluice::wire
