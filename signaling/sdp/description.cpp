#include "signaling/sdp/description.hpp"

#include <algorithm>

#include "signaling/sdp/text.hpp"

namespace sluice::sdp {

std::string_view to_string(MediaKind kind) noexcept {
    switch (kind) {
        case MediaKind::audio: return "audio";
        case MediaKind::video: return "video";
        case MediaKind::application: return "application";
        case MediaKind::other: break;
    }
    return "other";
}

std::string_view to_string(Direction direction) noexcept {
    switch (direction) {
        case Direction::sendrecv: return "sendrecv";
        case Direction::sendonly: return "sendonly";
        case Direction::recvonly: return "recvonly";
        case Direction::inactive: break;
    }
    return "inactive";
}

std::string_view to_string(Setup setup) noexcept {
    switch (setup) {
        case Setup::actpass: return "actpass";
        case Setup::active: return "active";
        case Setup::passive: return "passive";
        case Setup::holdconn: break;
    }
    return "holdconn";
}

std::optional<std::string_view> find_param(const Fmtp& fmtp, std::string_view key) noexcept {
    for (const auto& [name, value] : fmtp)
        if (text::iequals(name, key)) return value;
    return std::nullopt;
}

bool Codec::is(std::string_view codec_name) const noexcept {
    return text::iequals(name, codec_name);
}

bool Codec::has_feedback(std::string_view what) const noexcept {
    return std::find(feedback.begin(), feedback.end(), what) != feedback.end();
}

const Codec* MediaSection::find_codec(std::uint8_t pt) const noexcept {
    const auto it = std::find_if(codecs.begin(), codecs.end(), [pt](const Codec& c) { return c.pt == pt; });
    return it == codecs.end() ? nullptr : &*it;
}

const MediaSection* SessionDescription::find_mid(std::string_view mid) const noexcept {
    const auto it = std::find_if(media.begin(), media.end(), [mid](const MediaSection& m) { return m.mid == mid; });
    return it == media.end() ? nullptr : &*it;
}

}  // namespace sluice::sdp
