#include "dataplane/wire/rtcp.hpp"

namespace sluice::wire {
namespace {

std::size_t packet_size(ByteView packet) noexcept {
    return 4 + std::size_t{4} * load<be16>(packet.data() + 2).value();
}

}  // namespace

std::expected<RtcpReader, RtcpError> RtcpReader::parse(ByteView compound) noexcept {
    if (compound.empty()) return std::unexpected(RtcpError::truncated_header);
    for (ByteView rest = compound; !rest.empty();) {
        if (rest.size() < 4) return std::unexpected(RtcpError::truncated_header);
        if (rest[0] >> 6 != 2) return std::unexpected(RtcpError::bad_version);
        if (rest[1] < 192 || rest[1] > 223) return std::unexpected(RtcpError::bad_type);
        const std::size_t size = packet_size(rest);
        if (size > rest.size()) return std::unexpected(RtcpError::bad_length);
        if ((rest[0] & 0x20) != 0) {
            const std::size_t padding = rest[size - 1];
            if (padding == 0 || padding % 4 != 0 || padding > size - 4) {
                // Transport-wide feedback is padded to a word by 1 to 3 bytes, against RFC 3550's multiple of 4.
                const bool odd_feedback = rest[1] == static_cast<std::uint8_t>(RtcpType::transport_feedback) &&
                                          padding != 0 && padding <= size - 4;
                if (!odd_feedback) return std::unexpected(RtcpError::bad_padding);
            }
        }
        rest = rest.subspan(size);
    }
    return RtcpReader(compound);
}

std::optional<RtcpPacketView> RtcpReader::next() noexcept {
    if (rest_.empty()) return std::nullopt;
    const std::size_t size = packet_size(rest_);
    const std::size_t padding = (rest_[0] & 0x20) != 0 ? rest_[size - 1] : 0;
    RtcpPacketView view;
    view.type = static_cast<RtcpType>(rest_[1]);
    view.count = rest_[0] & 0x1f;
    view.body = rest_.subspan(4, size - 4 - padding);
    if (view.body.size() >= 4) view.sender_ssrc = load<be32>(view.body.data()).value();
    rest_ = rest_.subspan(size);
    return view;
}

std::string_view to_string(RtcpError error) noexcept {
    switch (error) {
        case RtcpError::truncated_header: return "truncated_header";
        case RtcpError::bad_version: return "bad_version";
        case RtcpError::bad_type: return "bad_type";
        case RtcpError::bad_length: return "bad_length";
        case RtcpError::bad_padding: return "bad_padding";
        case RtcpError::truncated_body: return "truncated_body";
        case RtcpError::bad_content: return "bad_content";
        case RtcpError::wrong_type: return "wrong_type";
    }
    return "unknown";
}

}  // namespace sluice::wire
