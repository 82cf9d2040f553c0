// What one RTP payload says about its frame: does it start one, is that a keyframe, how large is the picture.
// Reads only payload descriptors and the first bytes of the bitstream; never trusts a length it has not checked.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.hpp"
#include "dataplane/media/codec.hpp"

namespace sluice::media {

struct FrameInfo {
    bool valid = false;  // the payload descriptor is well formed; if false, all else is meaningless
    // The first packet of a frame (of a layer's frame with SVC). AV1 without a dependency descriptor: of an OBU.
    bool frame_start = false;
    // A new decoder can start here. More than one packet of a frame may say so (H.264: the SPS, then the IDR slice);
    // the first one with a new timestamp counts.
    bool keyframe_start = false;
    std::uint8_t temporal_id = 0;
    std::uint8_t spatial_id = 0;
    // Pixels; 0 unless this packet states them where they are cheap to read (VP8 keyframes, VP9 scalability
    // structures).
    std::uint16_t width = 0;
    std::uint16_t height = 0;
};

// `dependency_descriptor` is the content of the AV1 dependency descriptor extension, empty if the packet has none;
// where there is one it decides for AV1, and for any other codec whose payload says nothing.
// Audio is {valid} and never a keyframe.
[[nodiscard]] FrameInfo frame_info(Codec codec, ByteView payload, ByteView dependency_descriptor = {}) noexcept;

// True for the packet where a viewer may begin. Always true for audio, so that callers need no special case.
[[nodiscard]] bool is_keyframe_start(Codec codec, ByteView payload, ByteView dependency_descriptor = {}) noexcept;

// RFC 7741 section 4.2, with the offsets of the fields that a rewriter changes.
struct Vp8Descriptor {
    std::uint8_t size = 0;               // bytes before the VP8 payload header
    std::uint8_t picture_id_offset = 0;  // 0: absent (an offset is never 0)
    bool picture_id_is_15_bit = false;
    std::uint8_t tl0picidx_offset = 0;   // 0: absent
    std::uint8_t tid_keyidx_offset = 0;  // 0: absent
    bool start_of_partition = false;     // S
    bool non_reference = false;          // N
    bool layer_sync = false;             // Y
    std::uint8_t partition_id = 0;       // PID
    std::uint8_t temporal_id = 0;        // TID
    std::uint8_t key_index = 0;          // KEYIDX
    std::uint8_t tl0picidx = 0;
    std::uint16_t picture_id = 0;
};
[[nodiscard]] std::optional<Vp8Descriptor> parse_vp8_descriptor(ByteView payload) noexcept;

// RFC 9628 section 4.2.
struct Vp9Descriptor {
    std::uint16_t size = 0;          // bytes before the VP9 frame
    bool inter_predicted = false;    // P
    bool start_of_frame = false;     // B
    bool end_of_frame = false;       // E
    bool flexible = false;           // F
    bool inter_layer = false;        // D
    bool switching_point = false;    // U
    bool has_layer_indices = false;  // L
    std::uint8_t temporal_id = 0;    // TID
    std::uint8_t spatial_id = 0;     // SID
    bool has_picture_id = false;
    std::uint16_t picture_id = 0;
    std::uint16_t width = 0;  // of the highest spatial layer that the scalability structure states, else 0
    std::uint16_t height = 0;
};
[[nodiscard]] std::optional<Vp9Descriptor> parse_vp9_descriptor(ByteView payload) noexcept;

}  // namespace sluice::media
