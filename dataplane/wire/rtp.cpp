#include "dataplane/wire/rtp.hpp"

namespace sluice::wire {

std::expected<RtpView, RtpError> RtpView::parse(ByteView packet, Padding padding) noexcept {
    if (packet.size() < rtp_header_size) return std::unexpected(RtpError::truncated_header);
    if (packet[0] >> 6 != 2) return std::unexpected(RtpError::bad_version);

    RtpView view;
    view.packet_ = packet;
    std::size_t size = rtp_header_size + std::size_t{4} * view.csrc_count();
    if (size > packet.size()) return std::unexpected(RtpError::truncated_csrc);
    if (view.has_extension()) {
        if (packet.size() - size < 4) return std::unexpected(RtpError::truncated_extension);
        view.extension_profile_ = load<be16>(packet.data() + size).value();
        view.extension_size_ = std::uint32_t{load<be16>(packet.data() + size + 2).value()} * 4;
        size += 4;
        if (view.extension_size_ > packet.size() - size) return std::unexpected(RtpError::truncated_extension);
        size += view.extension_size_;
    }
    view.header_size_ = static_cast<std::uint32_t>(size);
    if (view.has_padding() && padding == Padding::remove) {
        const std::size_t count = packet.size() == size ? 0 : packet.back();
        if (count == 0 || count > packet.size() - size) return std::unexpected(RtpError::bad_padding);
        view.padding_size_ = static_cast<std::uint8_t>(count);
    }
    return view;
}

std::optional<ByteView> RtpView::find_extension(std::uint8_t id) const noexcept {
    std::optional<ByteView> found;
    for_each_extension([&](std::uint8_t element, ByteView value) {
        if (element == id && !found) found = value;
    });
    return found;
}

std::string_view to_string(RtpError error) noexcept {
    switch (error) {
        case RtpError::truncated_header: return "truncated_header";
        case RtpError::bad_version: return "bad_version";
        case RtpError::truncated_csrc: return "truncated_csrc";
        case RtpError::truncated_extension: return "truncated_extension";
        case RtpError::bad_padding: return "bad_padding";
    }
    return "unknown";
}

}  // namespace sluice::wire
