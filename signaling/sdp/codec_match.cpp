#include "signaling/sdp/codec_match.hpp"

#include <array>

#include "signaling/sdp/text.hpp"

namespace sluice::sdp {

namespace {

std::string_view param(const Codec& c, std::string_view key, std::string_view fallback) {
    return find_param(c.fmtp, key).value_or(fallback);
}

// RFC 6184 section 8.1: absent means Baseline, level 1. libwebrtc takes Constrained Baseline 3.1, and so do its peers.
std::string_view h264_profile_text(const Codec& c) {
    return param(c, "profile-level-id", "42e01f");
}

bool levels_fit(const Codec& sent, const Codec& receiver) {
    if (param(sent, "level-asymmetry-allowed", "0") == "1" && param(receiver, "level-asymmetry-allowed", "0") == "1")
        return true;
    const auto a = parse_h264_profile_level(h264_profile_text(sent));
    const auto b = parse_h264_profile_level(h264_profile_text(receiver));
    return a && b && a->level <= b->level;
}

// Whether a decoder of `decoder` decodes a stream of `stream` (H.264 A.2).
bool decodes(H264Profile decoder, H264Profile stream) {
    using enum H264Profile;
    if (decoder == stream || stream == constrained_baseline) return true;
    if (decoder == high) return stream == main || stream == constrained_high;
    return decoder == predictive_high444 && stream != baseline;
}

bool same_name(const Codec& a, const Codec& b) {
    return a.is(b.name) && a.clock_rate == b.clock_rate && a.channels == b.channels;
}

}  // namespace

std::optional<H264ProfileLevel> parse_h264_profile_level(std::string_view hex) noexcept {
    const auto value = hex.size() == 6 ? text::number<std::uint32_t>(hex, 16) : std::nullopt;
    if (!value) return std::nullopt;
    const auto idc = static_cast<std::uint8_t>(*value >> 16);
    const auto constraints = static_cast<std::uint8_t>(*value >> 8);
    auto level = static_cast<std::uint8_t>(*value);

    struct Pattern {
        std::uint8_t idc, mask, bits;
        H264Profile profile;
    };
    using enum H264Profile;
    // The table of RFC 6184 section 8.1, first match wins.
    static constexpr std::array<Pattern, 9> patterns{{
        {0x42, 0x4f, 0x40, constrained_baseline},
        {0x4d, 0x8f, 0x80, constrained_baseline},
        {0x58, 0xcf, 0xc0, constrained_baseline},
        {0x42, 0x4f, 0x00, baseline},
        {0x58, 0xcf, 0x80, baseline},
        {0x4d, 0xaf, 0x00, main},
        {0x64, 0xff, 0x00, high},
        {0x64, 0xff, 0x0c, constrained_high},
        {0xf4, 0xff, 0x00, predictive_high444},
    }};
    for (const auto& p : patterns) {
        if (p.idc != idc || (constraints & p.mask) != p.bits) continue;
        const bool constraint_set3 = (constraints & 0x10) != 0;
        if (level == 11 && constraint_set3) level = 9;  // level 1b
        return H264ProfileLevel{p.profile, level};
    }
    return std::nullopt;
}

bool is_supported_media(MediaKind kind, const Codec& c) noexcept {
    if (kind == MediaKind::audio) return c.is("opus") && c.clock_rate == 48000 && c.channels == 2;
    if (kind != MediaKind::video || c.clock_rate != 90000) return false;
    if (c.is("H264")) return parse_h264_profile_level(h264_profile_text(c)).has_value();
    return c.is("VP8") || c.is("VP9") || c.is("AV1");
}

bool is_red_of(const Codec& red, std::uint8_t opus_pt) noexcept {
    if (!red.is("red") || red.clock_rate != 48000 || red.fmtp.empty()) return false;
    auto list = std::string_view(red.fmtp.front().first);
    while (!list.empty())
        if (text::number<std::uint8_t>(text::take(list, '/')) != opus_pt) return false;
    return true;
}

bool same_format(const Codec& a, const Codec& b) noexcept {
    if (!same_name(a, b)) return false;
    if (a.is("VP9")) return param(a, "profile-id", "0") == param(b, "profile-id", "0");
    if (a.is("AV1")) return param(a, "profile", "0") == param(b, "profile", "0");
    if (a.is("H264")) {
        const auto pa = parse_h264_profile_level(h264_profile_text(a));
        const auto pb = parse_h264_profile_level(h264_profile_text(b));
        return pa && pb && pa->profile == pb->profile &&
               param(a, "packetization-mode", "0") == param(b, "packetization-mode", "0");
    }
    return true;
}

const Codec* find_receiver(std::span<const Codec> receivable, const Codec& sent) noexcept {
    const bool h264 = sent.is("H264");
    for (const Codec& r : receivable)
        if (same_format(r, sent) && (!h264 || levels_fit(sent, r))) return &r;
    if (!h264) return nullptr;
    const auto stream = parse_h264_profile_level(h264_profile_text(sent));
    const auto mode = param(sent, "packetization-mode", "0");
    for (const Codec& r : receivable) {
        if (!same_name(r, sent) || !levels_fit(sent, r)) continue;
        const auto decoder = parse_h264_profile_level(h264_profile_text(r));
        const auto receiver_mode = param(r, "packetization-mode", "0");
        const bool mode_fits = mode == receiver_mode || (mode == "0" && receiver_mode == "1");
        if (stream && decoder && mode_fits && decodes(decoder->profile, stream->profile)) return &r;
    }
    return nullptr;
}

}  // namespace sluice::sdp
