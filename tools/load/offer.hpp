// The SDP side of a peer: an offer as a browser would make it (VP8 with RTX, Opus, BUNDLE, actpass), and what its answer
// says that a packet-level peer needs.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/dtls/fingerprint.hpp"
#include "controlplane/ice/credentials.hpp"
#include "dataplane/base/endpoint.hpp"

namespace sluice::loadgen {

enum class Kind : std::uint8_t { video, audio };

inline constexpr std::uint8_t vp8_payload_type = 96;
inline constexpr std::uint8_t rtx_payload_type = 97;
inline constexpr std::uint8_t opus_payload_type = 111;
inline constexpr std::uint8_t mid_extension = 1;
inline constexpr std::uint8_t transport_cc_extension = 3;

struct OfferedTrack {
    Kind kind = Kind::video;
    std::string mid;
    std::uint32_t ssrc = 0;  // 0 where we only receive
    std::uint32_t rtx_ssrc = 0;
};

struct OfferInput {
    ice::Credentials local;
    std::string fingerprint_sha256;
    std::string cname;
    std::vector<OfferedTrack> tracks;
    bool send = false;
    bool transport_cc = true;
};
[[nodiscard]] std::string write_offer(const OfferInput& input);

struct AnsweredTrack {
    Kind kind = Kind::video;
    std::string mid;
    std::uint32_t ssrc = 0;  // of what the SFU sends; 0 for none
    std::uint32_t rtx_ssrc = 0;
    std::uint8_t payload_type = 0;
    std::uint8_t rtx_payload_type = 0;  // 0 for none
};

struct Answer {
    ice::Credentials remote;
    dtls::Fingerprints fingerprints;
    bool dtls_client = true;           // we send the ClientHello
    std::vector<Endpoint> candidates;  // UDP, as listed; private ones only
    std::vector<AnsweredTrack> tracks;
    std::uint8_t transport_cc_extension = 0;  // 0: not negotiated
};
[[nodiscard]] std::expected<Answer, std::string> read_answer(std::string_view sdp);

}  // namespace sluice::loadgen
