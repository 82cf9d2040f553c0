#include "dataplane/wire/rtcp_writer.hpp"

#include <algorithm>
#include <bit>

namespace sluice::wire {
namespace {

constexpr std::size_t max_count = 31;

void put_report_blocks(std::uint8_t* at, std::span<const ReportBlock> blocks) noexcept {
    for (const ReportBlock& block : blocks) {
        // The field is 24 bits: a sum beyond it stays at the edge (RFC 3550 section 6.4.1).
        const std::int32_t lost = std::clamp(block.cumulative_lost, -0x800000, 0x7fffff);
        store(at, be32{block.ssrc});
        store(at + 4,
              be32{static_cast<std::uint32_t>(block.fraction_lost) << 24 | (static_cast<std::uint32_t>(lost) & 0xffffff)});
        store(at + 8, be32{block.highest_sequence});
        store(at + 12, be32{block.jitter});
        store(at + 16, be32{block.last_sr});
        store(at + 20, be32{block.delay_since_last_sr});
        at += report_block_size;
    }
}

}  // namespace

std::uint8_t* RtcpWriter::append(RtcpType type, std::size_t count, std::size_t size) noexcept {
    if (size > out_.size() - used_ || size / 4 - 1 > 0xffff) return nullptr;
    std::uint8_t* at = out_.data() + used_;
    std::fill_n(at, size, std::uint8_t{0});
    at[0] = static_cast<std::uint8_t>(0x80 | count);
    at[1] = static_cast<std::uint8_t>(type);
    store(at + 2, be16{static_cast<std::uint16_t>(size / 4 - 1)});
    used_ += size;
    return at;
}

bool RtcpWriter::sender_report(std::uint32_t ssrc, const SenderInfo& info, std::span<const ReportBlock> blocks) noexcept {
    if (blocks.size() > max_count) return false;
    std::uint8_t* at = append(RtcpType::sender_report, blocks.size(), 28 + blocks.size() * report_block_size);
    if (at == nullptr) return false;
    store(at + 4, be32{ssrc});
    store(at + 8, be64{info.ntp});
    store(at + 16, be32{info.rtp_timestamp});
    store(at + 20, be32{info.packet_count});
    store(at + 24, be32{info.octet_count});
    put_report_blocks(at + 28, blocks);
    return true;
}

bool RtcpWriter::receiver_report(std::uint32_t ssrc, std::span<const ReportBlock> blocks) noexcept {
    if (blocks.size() > max_count) return false;
    std::uint8_t* at = append(RtcpType::receiver_report, blocks.size(), 8 + blocks.size() * report_block_size);
    if (at == nullptr) return false;
    store(at + 4, be32{ssrc});
    put_report_blocks(at + 8, blocks);
    return true;
}

bool RtcpWriter::sdes_cname(std::uint32_t ssrc, std::string_view cname) noexcept {
    if (cname.empty() || cname.size() > 255) return false;
    // At least one null ends the chunk.
    const std::size_t size = (4 + 4 + 2 + cname.size() + 1 + 3) & ~std::size_t{3};
    std::uint8_t* at = append(RtcpType::source_description, 1, size);
    if (at == nullptr) return false;
    store(at + 4, be32{ssrc});
    at[8] = 1;
    at[9] = static_cast<std::uint8_t>(cname.size());
    std::ranges::copy(cname, at + 10);
    return true;
}

bool RtcpWriter::bye(std::span<const std::uint32_t> ssrcs, std::string_view reason) noexcept {
    if (ssrcs.empty() || ssrcs.size() > max_count || reason.size() > 255) return false;
    const std::size_t tail = reason.empty() ? 0 : (1 + reason.size() + 3) & ~std::size_t{3};
    std::uint8_t* at = append(RtcpType::bye, ssrcs.size(), 4 + 4 * ssrcs.size() + tail);
    if (at == nullptr) return false;
    at += 4;
    for (const std::uint32_t ssrc : ssrcs) {
        store(at, be32{ssrc});
        at += 4;
    }
    if (!reason.empty()) {
        at[0] = static_cast<std::uint8_t>(reason.size());
        std::ranges::copy(reason, at + 1);
    }
    return true;
}

bool RtcpWriter::nack(std::uint32_t sender_ssrc, std::uint32_t media_ssrc,
                      std::span<const std::uint16_t> sequences) noexcept {
    if (sequences.empty()) return false;
    std::size_t items = 0;
    std::uint16_t pid = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        const auto distance = static_cast<std::uint16_t>(sequences[i] - pid);
        if (i == 0 || distance > 16) {
            pid = sequences[i];
            ++items;
        }
    }
    std::uint8_t* at = append(RtcpType::transport_feedback, rtpfb_nack, 12 + 4 * items);
    if (at == nullptr) return false;
    store(at + 4, be32{sender_ssrc});
    store(at + 8, be32{media_ssrc});
    at += 8;
    std::uint16_t blp = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        const auto distance = static_cast<std::uint16_t>(sequences[i] - pid);
        if (i == 0 || distance > 16) {
            pid = sequences[i];
            blp = 0;
            at += 4;
            store(at, be16{pid});
        } else if (distance != 0) {
            blp = static_cast<std::uint16_t>(blp | 1U << (distance - 1));
            store(at + 2, be16{blp});
        }
    }
    return true;
}

bool RtcpWriter::pli(std::uint32_t sender_ssrc, std::uint32_t media_ssrc) noexcept {
    std::uint8_t* at = append(RtcpType::payload_feedback, psfb_pli, 12);
    if (at == nullptr) return false;
    store(at + 4, be32{sender_ssrc});
    store(at + 8, be32{media_ssrc});
    return true;
}

bool RtcpWriter::fir(std::uint32_t sender_ssrc, std::span<const FirEntry> entries) noexcept {
    if (entries.empty()) return false;
    std::uint8_t* at = append(RtcpType::payload_feedback, psfb_fir, 12 + 8 * entries.size());
    if (at == nullptr) return false;
    // The media SSRC of the header stays 0 (RFC 5104 section 4.3.1.2).
    store(at + 4, be32{sender_ssrc});
    at += 12;
    for (const FirEntry& entry : entries) {
        store(at, be32{entry.ssrc});
        at[4] = entry.command_sequence;
        at += 8;
    }
    return true;
}

bool RtcpWriter::remb(std::uint32_t sender_ssrc, std::uint64_t bitrate, std::span<const std::uint32_t> ssrcs) noexcept {
    if (ssrcs.size() > 255) return false;
    std::uint8_t* at = append(RtcpType::payload_feedback, psfb_application, 20 + 4 * ssrcs.size());
    if (at == nullptr) return false;
    const auto width = static_cast<unsigned>(std::bit_width(bitrate));
    const unsigned exponent = width > 18 ? width - 18 : 0;
    const auto mantissa = static_cast<std::uint32_t>(bitrate >> exponent);
    store(at + 4, be32{sender_ssrc});
    store(at + 12, be32{0x52454d42});
    store(at + 16, be32{static_cast<std::uint32_t>(ssrcs.size()) << 24 | exponent << 18 | mantissa});
    at += 20;
    for (const std::uint32_t ssrc : ssrcs) {
        store(at, be32{ssrc});
        at += 4;
    }
    return true;
}

}  // namespace sluice::wire
