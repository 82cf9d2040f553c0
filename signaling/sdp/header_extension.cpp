#include "signaling/sdp/header_extension.hpp"

namespace sluice::sdp {

namespace {
constexpr std::array<std::string_view, header_extension_count> uris{
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    "urn:3gpp:video-orientation",
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
};
}  // namespace

std::string_view uri_of(HeaderExtension extension) noexcept {
    return uris[static_cast<std::size_t>(extension)];
}

std::optional<HeaderExtension> header_extension_of(std::string_view uri) noexcept {
    for (std::size_t i = 0; i < uris.size(); ++i)
        if (uris[i] == uri) return static_cast<HeaderExtension>(i);
    return std::nullopt;
}

}  // namespace sluice::sdp
