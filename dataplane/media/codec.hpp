// The codecs that the data plane tells apart. It never decodes: it only finds keyframes and frame borders.
#pragma once

#include <cstdint>

namespace sluice::media {

// The values are part of no wire format, but blobs and the control ABI carry them: append only.
enum class Codec : std::uint8_t { none, opus, red, vp8, vp9, h264, av1, pcmu, pcma, other };

[[nodiscard]] constexpr bool is_video(Codec c) noexcept {
    return c == Codec::vp8 || c == Codec::vp9 || c == Codec::h264 || c == Codec::av1;
}

// The RTP clock in Hz as WebRTC fixes it for each codec; `other` is taken for video.
[[nodiscard]] constexpr std::uint32_t clock_rate(Codec c) noexcept {
    switch (c) {
        case Codec::opus:
        case Codec::red: return 48'000;
        case Codec::pcmu:
        case Codec::pcma: return 8'000;
        default: return 90'000;
    }
}

[[nodiscard]] constexpr const char* name_of(Codec c) noexcept {
    constexpr const char* names[] = {"none", "opus", "red", "vp8", "vp9", "h264", "av1", "pcmu", "pcma", "other"};
    const auto i = static_cast<unsigned>(c);
    return i < 10 ? names[i] : "invalid";
}

}  // namespace sluice::media
