#include "dataplane/media/header_extensions.hpp"

#include "dataplane/base/byteorder.hpp"

namespace sluice::media {

std::optional<AudioLevel> parse_audio_level(ByteView extension) noexcept {
    if (extension.empty()) return std::nullopt;
    return AudioLevel{.voice = (extension[0] & 0x80) != 0, .minus_dbov = static_cast<std::uint8_t>(extension[0] & 0x7f)};
}

std::optional<DependencyDescriptor> parse_dependency_descriptor(ByteView extension) noexcept {
    if (extension.size() < 3) return std::nullopt;
    DependencyDescriptor d;
    d.start_of_frame = (extension[0] & 0x80) != 0;
    d.end_of_frame = (extension[0] & 0x40) != 0;
    d.template_id = extension[0] & 0x3f;
    d.frame_number = load<be16>(&extension[1]).value();
    if (extension.size() > 3) {
        const std::uint8_t flags = extension[3];
        d.has_structure = (flags & 0x80) != 0;
        d.has_active_decode_targets = (flags & 0x40) != 0;
        d.has_custom_dtis = (flags & 0x20) != 0;
        d.has_custom_fdiffs = (flags & 0x10) != 0;
        d.has_custom_chains = (flags & 0x08) != 0;
    }
    return d;
}

}  // namespace sluice::media
