#include "dataplane/media/frame_info.hpp"

#include <algorithm>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/media/header_extensions.hpp"

namespace sluice::media {
namespace {

std::uint16_t load_be16(const std::uint8_t* p) noexcept {
    return load<be16>(p).value();
}

FrameInfo vp8_info(ByteView payload) noexcept {
    FrameInfo info;
    const auto d = parse_vp8_descriptor(payload);
    if (!d) return info;
    info.valid = true;
    info.temporal_id = d->temporal_id;
    info.frame_start = d->start_of_partition && d->partition_id == 0;
    const ByteView frame = payload.subspan(d->size);
    if (!info.frame_start || frame.empty()) return info;
    const bool inter_frame = (frame[0] & 0x01) != 0;  // RFC 6386 section 9.1: 0 is a key frame
    if (inter_frame) return info;
    if (frame.size() < 10) {
        info.keyframe_start = true;
        return info;
    }
    if (frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a) return info;
    info.keyframe_start = true;
    info.width = static_cast<std::uint16_t>((frame[6] | frame[7] << 8) & 0x3fff);
    info.height = static_cast<std::uint16_t>((frame[8] | frame[9] << 8) & 0x3fff);
    return info;
}

FrameInfo vp9_info(ByteView payload) noexcept {
    FrameInfo info;
    const auto d = parse_vp9_descriptor(payload);
    if (!d) return info;
    info.valid = true;
    info.temporal_id = d->temporal_id;
    info.spatial_id = d->spatial_id;
    info.frame_start = d->start_of_frame;
    info.keyframe_start = d->start_of_frame && !d->inter_predicted && d->spatial_id == 0;
    info.width = d->width;
    info.height = d->height;
    return info;
}

constexpr std::uint8_t nal_slice = 1, nal_partition_a = 2, nal_idr = 5, nal_sps = 7, nal_stap_a = 24, nal_fu_a = 28;

// `after_header` is the first byte after the NAL header, where a slice states its first macroblock.
void note_nal(FrameInfo& info, std::uint8_t type, std::optional<std::uint8_t> after_header) noexcept {
    const bool slice = type == nal_slice || type == nal_partition_a || type == nal_idr;
    // ue(v) 0 is the single bit 1. Types 6 to 9 (SEI, SPS, PPS, delimiter) stand before the first slice.
    const bool first = slice ? after_header && (*after_header & 0x80) != 0 : type >= 6 && type <= 9;
    info.frame_start |= first;
    info.keyframe_start |= type == nal_sps || (type == nal_idr && first);
}

FrameInfo h264_info(ByteView payload) noexcept {
    FrameInfo info;
    if (payload.empty()) return info;
    const std::uint8_t type = payload[0] & 0x1f;
    const auto byte_at = [](ByteView v, std::size_t i) {
        return i < v.size() ? std::optional<std::uint8_t>(v[i]) : std::nullopt;
    };
    if (type >= 1 && type <= 23) {
        info.valid = true;
        note_nal(info, type, byte_at(payload, 1));
    } else if (type == nal_stap_a) {
        ByteView rest = payload.subspan(1);
        while (!rest.empty()) {
            if (rest.size() < 2) return {};
            const std::size_t size = load_be16(rest.data());
            if (size == 0 || size > rest.size() - 2) return {};
            const ByteView nal = rest.subspan(2, size);
            note_nal(info, nal[0] & 0x1f, byte_at(nal, 1));
            rest = rest.subspan(2 + size);
            info.valid = true;
        }
    } else if (type == nal_fu_a) {
        if (payload.size() < 2) return info;
        info.valid = true;
        const bool start = (payload[1] & 0x80) != 0;
        if (start) note_nal(info, payload[1] & 0x1f, byte_at(payload, 2));
    }
    return info;
}

struct Leb128 {
    std::uint32_t value;
    std::size_t size;
};

std::optional<Leb128> parse_leb128(ByteView v) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(v.size(), 5); ++i) {
        value |= static_cast<std::uint64_t>(v[i] & 0x7f) << (7 * i);
        if ((v[i] & 0x80) == 0) {
            if (value > 0xffff) return std::nullopt;  // no packet is that long
            return Leb128{static_cast<std::uint32_t>(value), i + 1};
        }
    }
    return std::nullopt;
}

// AV1 RTP spec section 4.4.
FrameInfo av1_info(ByteView payload) noexcept {
    FrameInfo info;
    if (payload.empty()) return info;
    const bool continues = (payload[0] & 0x80) != 0;                 // Z
    const unsigned count = (payload[0] >> 4) & 0x03;                 // W
    const bool new_coded_video_sequence = (payload[0] & 0x08) != 0;  // N
    if (continues && new_coded_video_sequence) return info;
    bool sequence_header = false;
    ByteView rest = payload.subspan(1);
    for (unsigned i = 0; !rest.empty(); ++i) {
        ByteView element = rest;
        const bool has_length = count == 0 || i + 1 < count;
        if (has_length) {
            const auto length = parse_leb128(rest);
            if (!length || length->value > rest.size() - length->size) return {};
            element = rest.subspan(length->size, length->value);
            rest = rest.subspan(length->size + length->value);
        } else {
            rest = {};
        }
        const bool begins_obu = i > 0 || !continues;
        constexpr unsigned obu_sequence_header = 1;
        if (!element.empty() && begins_obu) sequence_header |= ((element[0] >> 3) & 0x0f) == obu_sequence_header;
    }
    info.valid = true;
    info.frame_start = !continues;
    info.keyframe_start = !continues && (new_coded_video_sequence || sequence_header);
    return info;
}

}  // namespace

std::optional<Vp8Descriptor> parse_vp8_descriptor(ByteView p) noexcept {
    if (p.empty()) return std::nullopt;
    Vp8Descriptor d;
    d.non_reference = (p[0] & 0x20) != 0;
    d.start_of_partition = (p[0] & 0x10) != 0;
    d.partition_id = p[0] & 0x07;
    std::size_t at = 1;
    if ((p[0] & 0x80) != 0) {  // X
        if (p.size() < 2) return std::nullopt;
        const std::uint8_t present = p[1];
        at = 2;
        if ((present & 0x80) != 0) {  // I
            if (p.size() <= at) return std::nullopt;
            d.picture_id_offset = static_cast<std::uint8_t>(at);
            d.picture_id_is_15_bit = (p[at] & 0x80) != 0;
            if (d.picture_id_is_15_bit) {
                if (p.size() < at + 2) return std::nullopt;
                d.picture_id = load_be16(&p[at]) & 0x7fff;
                at += 2;
            } else {
                d.picture_id = p[at++];
            }
        }
        if ((present & 0x40) != 0) {  // L
            if (p.size() <= at) return std::nullopt;
            d.tl0picidx_offset = static_cast<std::uint8_t>(at);
            d.tl0picidx = p[at++];
        }
        if ((present & 0x30) != 0) {  // T or K share one byte
            if (p.size() <= at) return std::nullopt;
            d.tid_keyidx_offset = static_cast<std::uint8_t>(at);
            if ((present & 0x20) != 0) {
                d.temporal_id = p[at] >> 6;
                d.layer_sync = (p[at] & 0x20) != 0;
            }
            if ((present & 0x10) != 0) d.key_index = p[at] & 0x1f;
            ++at;
        }
    }
    d.size = static_cast<std::uint8_t>(at);
    return d;
}

std::optional<Vp9Descriptor> parse_vp9_descriptor(ByteView p) noexcept {
    if (p.empty()) return std::nullopt;
    Vp9Descriptor d;
    const std::uint8_t flags = p[0];
    d.has_picture_id = (flags & 0x80) != 0;
    d.inter_predicted = (flags & 0x40) != 0;
    d.has_layer_indices = (flags & 0x20) != 0;
    d.flexible = (flags & 0x10) != 0;
    d.start_of_frame = (flags & 0x08) != 0;
    d.end_of_frame = (flags & 0x04) != 0;
    const bool has_structure = (flags & 0x02) != 0;
    std::size_t at = 1;
    const auto left = [&] { return p.size() - at; };
    if (d.has_picture_id) {
        if (left() < 1) return std::nullopt;
        if ((p[at] & 0x80) != 0) {
            if (left() < 2) return std::nullopt;
            d.picture_id = load_be16(&p[at]) & 0x7fff;
            at += 2;
        } else {
            d.picture_id = p[at++];
        }
    }
    if (d.has_layer_indices) {
        if (left() < (d.flexible ? 1u : 2u)) return std::nullopt;
        d.temporal_id = p[at] >> 5;
        d.switching_point = (p[at] & 0x10) != 0;
        d.spatial_id = (p[at] >> 1) & 0x07;
        d.inter_layer = (p[at] & 0x01) != 0;
        at += d.flexible ? 1 : 2;  // TL0PICIDX only in non-flexible mode
    }
    if (d.flexible && d.inter_predicted) {
        for (int i = 0;; ++i) {
            if (left() < 1 || i == 3) return std::nullopt;
            if ((p[at++] & 0x01) == 0) break;
        }
    }
    if (has_structure) {
        if (left() < 1) return std::nullopt;
        const std::size_t layers = (p[at] >> 5) + 1u;
        const bool sizes = (p[at] & 0x10) != 0;
        const bool groups = (p[at] & 0x08) != 0;
        ++at;
        if (sizes) {
            if (left() < 4 * layers) return std::nullopt;
            at += 4 * layers;
            d.width = load_be16(&p[at - 4]);
            d.height = load_be16(&p[at - 2]);
        }
        if (groups) {
            if (left() < 1) return std::nullopt;
            for (unsigned n = p[at++]; n > 0; --n) {
                if (left() < 1) return std::nullopt;
                const std::size_t references = (p[at] >> 2) & 0x03;
                if (left() < 1 + references) return std::nullopt;
                at += 1 + references;
            }
        }
    }
    d.size = static_cast<std::uint16_t>(at);
    return d;
}

FrameInfo frame_info(Codec codec, ByteView payload, ByteView dependency_descriptor) noexcept {
    FrameInfo info;
    switch (codec) {
        case Codec::vp8: return vp8_info(payload);
        case Codec::vp9: return vp9_info(payload);
        case Codec::h264: return h264_info(payload);
        case Codec::av1: info = av1_info(payload); break;
        case Codec::opus:
        case Codec::red:
        case Codec::pcmu:
        case Codec::pcma: info.valid = info.frame_start = true; return info;
        case Codec::none:
        case Codec::other: break;
    }
    if (const auto dd = parse_dependency_descriptor(dependency_descriptor)) {
        info.valid = true;
        info.frame_start = dd->start_of_frame;
        info.keyframe_start = dd->start_of_frame && dd->has_structure;
    }
    return info;
}

bool is_keyframe_start(Codec codec, ByteView payload, ByteView dependency_descriptor) noexcept {
    if (codec != Codec::none && codec != Codec::other && !is_video(codec)) return true;
    return frame_info(codec, payload, dependency_descriptor).keyframe_start;
}

}  // namespace sluice::media
