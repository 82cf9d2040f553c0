// What the publisher puts into its packets so that a viewer can tell whether it got the right bytes: which stream, the
// how-manieth packet, when, and a CRC. Video looks like VP8 to an SFU (RFC 7741: descriptor with a 15-bit picture id,
// frame tag, and the start code of a key frame), audio is opaque as Opus is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.hpp"

namespace sluice::loadgen {

struct Content {
    std::uint32_t stream = 0;   // drawn anew by each publisher and track
    std::uint64_t counter = 0;  // packets of the stream before this one
    std::int64_t sent_ns = 0;   // CLOCK_MONOTONIC
    friend bool operator==(const Content&, const Content&) = default;
};

struct VideoPlace {
    bool frame_start = false;
    bool keyframe = false;
    std::uint16_t picture_id = 0;
};

inline constexpr std::size_t content_size = 4 + 4 + 8 + 8 + 4;  // magic, the three fields, CRC-32C
inline constexpr std::size_t vp8_descriptor_size = 4;
inline constexpr std::size_t vp8_frame_head_size = 10;
inline constexpr std::size_t min_video_payload = vp8_descriptor_size + vp8_frame_head_size + content_size;
inline constexpr std::size_t audio_payload = 80;

// Fills the whole payload. `payload` has at least min_video_payload bytes.
void write_video(ByteSpan payload, const VideoPlace& place, const Content& content) noexcept;
// At least content_size bytes.
void write_audio(ByteSpan payload, const Content& content) noexcept;

struct ReadContent {
    Content content;
    bool keyframe_start = false;
};
// Nothing when the bytes are not what was written, beyond the VP8 descriptor, which an SFU may rewrite.
[[nodiscard]] std::optional<ReadContent> read_video(ByteView payload) noexcept;
[[nodiscard]] std::optional<ReadContent> read_audio(ByteView payload) noexcept;

}  // namespace sluice::loadgen
