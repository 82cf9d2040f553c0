#include "tools/load/content.hpp"

#include <nmmintrin.h>

#include <algorithm>
#include <cstring>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/media/frame_info.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::uint32_t magic = 0x534c4c44;  // "SLLD"
constexpr std::size_t crc_size = 4;

// CRC-32C by the CPU's instruction: 8 bytes at a time.
std::uint32_t crc32c(ByteView bytes) noexcept {
    std::uint64_t crc = 0xffffffff;
    const std::uint8_t* p = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, p += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; left != 0; --left, ++p) crc = _mm_crc32_u8(static_cast<std::uint32_t>(crc), *p);
    return ~static_cast<std::uint32_t>(crc);
}

// [magic][stream][counter][time][filler][CRC of `covered` up to here]
void write_content(ByteSpan covered, std::size_t at, const Content& content) noexcept {
    std::uint8_t* p = covered.data() + at;
    store(p, be32(magic));
    store(p + 4, be32(content.stream));
    store(p + 8, be64(content.counter));
    store(p + 16, be64(static_cast<std::uint64_t>(content.sent_ns)));
    // A filler that differs from packet to packet.
    std::fill(p + 24, covered.data() + covered.size() - crc_size, static_cast<std::uint8_t>(content.counter * 31 + 7));
    store(covered.data() + covered.size() - crc_size, be32(crc32c(covered.first(covered.size() - crc_size))));
}

std::optional<Content> read_content(ByteView covered, std::size_t at) noexcept {
    if (covered.size() < at + content_size) return std::nullopt;
    const std::uint8_t* p = covered.data() + at;
    if (load<be32>(p).value() != magic) return std::nullopt;
    const std::uint32_t crc = load<be32>(covered.data() + covered.size() - crc_size).value();
    if (crc != crc32c(covered.first(covered.size() - crc_size))) return std::nullopt;
    return Content{load<be32>(p + 4).value(), load<be64>(p + 8).value(),
                   static_cast<std::int64_t>(load<be64>(p + 16).value())};
}

}  // namespace

void write_video(ByteSpan payload, const VideoPlace& place, const Content& content) noexcept {
    payload[0] = place.frame_start ? 0x90 : 0x80;  // X, and S at the start of partition 0
    payload[1] = 0x80;                             // I
    store(payload.data() + 2, be16(static_cast<std::uint16_t>(0x8000 | (place.picture_id & 0x7fff))));
    const ByteSpan covered = payload.subspan(vp8_descriptor_size);
    std::fill_n(covered.data(), vp8_frame_head_size, std::uint8_t{0});
    if (place.frame_start) {
        covered[0] = place.keyframe ? 0x10 : 0x11;  // shown; the low bit is set on inter frames
        if (place.keyframe) {
            constexpr std::uint8_t start_code_and_640x360[] = {0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
            std::copy(std::begin(start_code_and_640x360), std::end(start_code_and_640x360), covered.data() + 3);
        }
    }
    write_content(covered, vp8_frame_head_size, content);
}

void write_audio(ByteSpan payload, const Content& content) noexcept {
    write_content(payload, 0, content);
}

std::optional<ReadContent> read_video(ByteView payload) noexcept {
    const auto descriptor = media::parse_vp8_descriptor(payload);
    if (!descriptor) return std::nullopt;
    const ByteView covered = payload.subspan(descriptor->size);
    const auto content = read_content(covered, vp8_frame_head_size);
    if (!content) return std::nullopt;
    const bool start = descriptor->start_of_partition && descriptor->partition_id == 0;
    return ReadContent{*content, start && (covered[0] & 1) == 0};
}

std::optional<ReadContent> read_audio(ByteView payload) noexcept {
    const auto content = read_content(payload, 0);
    if (!content) return std::nullopt;
    return ReadContent{*content, false};
}

}  // namespace sluice::loadgen
