#include "dataplane/worker/leg_header.hpp"

#include "dataplane/wire/rtp.hpp"
#include "dataplane/wire/rtp_writer.hpp"

namespace sluice::worker {
namespace {

using abi::Extension;

// Extensions that travel from the publisher to the viewer as they are; their ids are rewritten.
constexpr Extension forwarded[] = {Extension::audio_level,      Extension::dependency_descriptor,
                                   Extension::abs_capture_time, Extension::video_orientation,
                                   Extension::playout_delay,    Extension::video_layers_allocation};

constexpr std::array<std::uint8_t, abi::max_mid> no_letters{};

}  // namespace

void LegHeader::prepare(const table::LegFormat& format, const table::MediaPacket& packet) noexcept {
    types = format.payloads[packet.payload_index];
    const std::uint16_t from = format.strip_red ? packet.primary_offset : std::uint16_t{0};
    payload = packet.payload() + from;
    payload_length = static_cast<std::uint16_t>(packet.payload_length - from);

    std::array<wire::RtpExtensionElement, std::size(forwarded) + 1> elements;
    std::size_t count = 0;
    for (const Extension e : forwarded) {
        const std::uint8_t id = format.extensions[static_cast<std::size_t>(e)];
        if (id == 0) continue;
        const ByteView value = packet.element(e);
        if (!value.empty()) elements[count++] = {id, value};
    }
    const std::uint8_t mid_id = format.extensions[static_cast<std::size_t>(Extension::mid)];
    const bool with_mid = mid_id != 0 && format.mid_length != 0;
    if (with_mid) elements[count++] = {mid_id, {no_letters.data(), format.mid_length}};

    const wire::RtpHeader header{static_cast<std::uint8_t>(types.payload_type & 0x7f), packet.marker, 0, 0, 0};
    const auto size = wire::write_rtp_header({bytes.data(), room}, header, {elements.data(), count});
    // Extensions that do not fit are left out; the fixed header always fits.
    length = static_cast<std::uint16_t>(size ? *size : wire::write_rtp_header({bytes.data(), room}, header).value_or(0));
    mid_offset = 0;
    if (size && with_mid) {
        std::size_t before = wire::rtp_header_size + 4;
        const bool two_byte = load<be16>(bytes.data() + wire::rtp_header_size).value() == wire::rtp_two_byte_profile;
        for (std::size_t i = 0; i + 1 < count; ++i) before += (two_byte ? 2 : 1) + elements[i].value.size();
        mid_offset = static_cast<std::uint16_t>(before + (two_byte ? 2 : 1));
    }
}

}  // namespace sluice::worker
