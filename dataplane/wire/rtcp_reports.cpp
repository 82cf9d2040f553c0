#include "dataplane/wire/rtcp_reports.hpp"

namespace sluice::wire {
namespace {

constexpr std::size_t sender_info_size = 20;

}  // namespace

std::expected<SenderInfo, RtcpError> read_sender_info(const RtcpPacketView& packet) noexcept {
    if (packet.type != RtcpType::sender_report) return std::unexpected(RtcpError::wrong_type);
    if (packet.body.size() < 4 + sender_info_size) return std::unexpected(RtcpError::truncated_body);
    const std::uint8_t* at = packet.body.data() + 4;
    return SenderInfo{load<be64>(at).value(), load<be32>(at + 8).value(), load<be32>(at + 12).value(),
                      load<be32>(at + 16).value()};
}

std::expected<ByteView, RtcpError> report_blocks(const RtcpPacketView& packet) noexcept {
    const bool sender = packet.type == RtcpType::sender_report;
    if (!sender && packet.type != RtcpType::receiver_report) return std::unexpected(RtcpError::wrong_type);
    const std::size_t start = sender ? 4 + sender_info_size : 4;
    const std::size_t size = packet.count * report_block_size;
    if (packet.body.size() < start + size) return std::unexpected(RtcpError::truncated_body);
    return packet.body.subspan(start, size);
}

ReportBlock read_report_block(const std::uint8_t* block) noexcept {
    const std::uint32_t loss = load<be32>(block + 4).value();
    ReportBlock out;
    out.ssrc = load<be32>(block).value();
    out.fraction_lost = static_cast<std::uint8_t>(loss >> 24);
    // Shifted up and back, which extends the sign of the 24 bits.
    out.cumulative_lost = static_cast<std::int32_t>(loss << 8) >> 8;
    out.highest_sequence = load<be32>(block + 8).value();
    out.jitter = load<be32>(block + 12).value();
    out.last_sr = load<be32>(block + 16).value();
    out.delay_since_last_sr = load<be32>(block + 20).value();
    return out;
}

std::expected<ByteView, RtcpError> bye_sources(const RtcpPacketView& packet) noexcept {
    if (packet.type != RtcpType::bye) return std::unexpected(RtcpError::wrong_type);
    const std::size_t size = std::size_t{4} * packet.count;
    if (packet.body.size() < size) return std::unexpected(RtcpError::truncated_body);
    if (packet.body.size() > size) {
        const std::size_t reason = packet.body[size];
        if (reason > packet.body.size() - size - 1) return std::unexpected(RtcpError::truncated_body);
    }
    return packet.body.first(size);
}

SdesReader::SdesReader(const RtcpPacketView& packet) noexcept
    : body_(packet.body), chunks_(packet.count), wrong_type_(packet.type != RtcpType::source_description) {}

std::expected<SdesItem, RtcpError> SdesReader::next() noexcept {
    if (wrong_type_) return std::unexpected(RtcpError::wrong_type);
    while (true) {
        if (!in_chunk_) {
            if (chunks_ == 0) return SdesItem{};
            if (body_.size() - at_ < 4) return std::unexpected(RtcpError::truncated_body);
            ssrc_ = load<be32>(body_.data() + at_).value();
            at_ += 4;
            --chunks_;
            in_chunk_ = true;
        }
        if (at_ == body_.size()) return std::unexpected(RtcpError::truncated_body);
        const std::uint8_t type = body_[at_];
        if (type == 0) {
            // A chunk ends with one null or more, up to the next word.
            at_ = (at_ + 4) & ~std::size_t{3};
            if (at_ > body_.size()) return std::unexpected(RtcpError::truncated_body);
            in_chunk_ = false;
            continue;
        }
        if (body_.size() - at_ < 2) return std::unexpected(RtcpError::truncated_body);
        const std::size_t length = body_[at_ + 1];
        if (length > body_.size() - at_ - 2) return std::unexpected(RtcpError::truncated_body);
        const auto* text = reinterpret_cast<const char*>(body_.data() + at_ + 2);
        at_ += 2 + length;
        return SdesItem{ssrc_, type, {text, length}};
    }
}

}  // namespace sluice::wire
