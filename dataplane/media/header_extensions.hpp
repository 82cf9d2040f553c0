// The content of the RTP header extensions that the data plane reads: audio level and dependency descriptor.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.hpp"

namespace sluice::media {

// RFC 6464.
struct AudioLevel {
    bool voice = false;             // V: the encoder believes that this is speech
    std::uint8_t minus_dbov = 127;  // 0 is the loudest, 127 silence
};
[[nodiscard]] std::optional<AudioLevel> parse_audio_level(ByteView extension) noexcept;

// The part of the AV1 RTP dependency descriptor that needs no earlier state (AV1 RTP spec, appendix A.8): the three
// mandatory bytes and, where present, the extended flags. A template structure is only sent with a keyframe.
struct DependencyDescriptor {
    bool start_of_frame = false;
    bool end_of_frame = false;
    std::uint8_t template_id = 0;  // 6 bits
    std::uint16_t frame_number = 0;
    bool has_structure = false;
    bool has_active_decode_targets = false;
    bool has_custom_dtis = false;
    bool has_custom_fdiffs = false;
    bool has_custom_chains = false;
};
[[nodiscard]] std::optional<DependencyDescriptor> parse_dependency_descriptor(ByteView extension) noexcept;

}  // namespace sluice::media
