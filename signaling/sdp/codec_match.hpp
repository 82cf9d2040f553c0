// Which codecs are the same, which the SFU can carry, and which of a viewer's payload types can be sent
// what a publisher sends: name, clock rate and channels, and the format parameters that divide a name
// into incompatible formats (VP9 and AV1 profile, H.264 profile and packetization mode).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "signaling/sdp/description.hpp"

namespace sluice::sdp {

// profile-level-id (RFC 6184 section 8.1).
enum class H264Profile : std::uint8_t { constrained_baseline, baseline, main, constrained_high, high, predictive_high444 };
struct H264ProfileLevel {
    H264Profile profile;
    std::uint8_t level;  // level_idc; level 1b is 9
    friend bool operator==(const H264ProfileLevel&, const H264ProfileLevel&) = default;
};
// Nothing if it is malformed or of a profile that WebRTC does not use.
[[nodiscard]] std::optional<H264ProfileLevel> parse_h264_profile_level(std::string_view hex) noexcept;

// A media format that the SFU forwards: opus, VP8, VP9, H264, AV1. RED and RTX are no media formats.
[[nodiscard]] bool is_supported_media(MediaKind kind, const Codec& codec) noexcept;

// RFC 2198 audio whose blocks are all `opus_pt`.
[[nodiscard]] bool is_red_of(const Codec& red, std::uint8_t opus_pt) noexcept;

// The same format on both sides, whatever the payload types.
[[nodiscard]] bool same_format(const Codec& a, const Codec& b) noexcept;

// The codec among those that a viewer can receive to send the publisher's `sent` as: first one of the same
// format, then one whose decoder takes it too (H.264 Main for Constrained Baseline, packetization mode 1 for 0).
// Levels count only if one side forbids level asymmetry.
[[nodiscard]] const Codec* find_receiver(std::span<const Codec> receivable, const Codec& sent) noexcept;

}  // namespace sluice::sdp
