#include "controlplane/session/media_line.hpp"

#include <array>
#include <utility>

namespace sluice::session {
namespace {

constexpr std::array<std::pair<abi::CodecId, std::string_view>, 8> names{{
    {abi::CodecId::opus, "opus"},
    {abi::CodecId::red, "red"},
    {abi::CodecId::vp8, "VP8"},
    {abi::CodecId::vp9, "VP9"},
    {abi::CodecId::h264, "H264"},
    {abi::CodecId::av1, "AV1"},
    {abi::CodecId::pcmu, "PCMU"},
    {abi::CodecId::pcma, "PCMA"},
}};

}  // namespace

abi::CodecId codec_id(const sdp::Codec& codec) noexcept {
    for (const auto& [id, name] : names)
        if (codec.is(name)) return id;
    return abi::CodecId::other;
}

std::string_view codec_name(abi::CodecId codec) noexcept {
    for (const auto& [id, name] : names)
        if (id == codec) return name;
    return codec == abi::CodecId::none ? std::string_view{} : std::string_view{"other"};
}

std::string_view kind_name(abi::MediaKind kind) noexcept {
    switch (kind) {
        case abi::MediaKind::audio: return "audio";
        case abi::MediaKind::video: return "video";
        case abi::MediaKind::none: break;
    }
    return "none";
}

}  // namespace sluice::session
