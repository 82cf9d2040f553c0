// What a session agreed on for one m-line, in the form that outlives this process: codecs, extension ids and the
// identifiers of the objects that the data plane has for it. A publisher's line has one layer per simulcast stream
// (one without rid otherwise); a viewer's line has one leg.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/abi/types.hpp"
#include "signaling/sdp/description.hpp"

namespace sluice::session {

struct Layer {
    std::string rid;  // empty without simulcast
    abi::SourceId source = abi::SourceId::none;
    std::uint32_t ssrc = 0;  // 0 = the worker learns it
    std::uint32_t rtx_ssrc = 0;
};

struct MediaLine {
    std::string mid;
    abi::MediaKind kind = abi::MediaKind::none;
    bool active = false;             // accepted, with media in the direction of the session's role
    std::vector<sdp::Codec> codecs;  // in order of preference; RTX only as their rtx_pt
    abi::ExtensionIds extensions{};
    std::vector<Layer> layers;  // publisher: in the order of the SDP

    // viewer
    abi::LegId leg = abi::LegId::none;
    std::uint32_t ssrc = 0;
    std::uint32_t rtx_ssrc = 0;  // 0 = no RTX
    std::uint64_t start_index = 0;
    std::uint64_t rtx_start_index = 0;
    std::uint32_t start_timestamp = 0;
};

[[nodiscard]] abi::CodecId codec_id(const sdp::Codec& codec) noexcept;
[[nodiscard]] std::string_view codec_name(abi::CodecId codec) noexcept;  // "VP8"; empty for none
[[nodiscard]] std::string_view kind_name(abi::MediaKind kind) noexcept;  // "audio"

}  // namespace sluice::session
