// What an offer and its answer agreed on, in the terms of the media engine: one entry per m-line,
// and the one BUNDLE transport under all of them. Directions are from our view.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "signaling/sdp/description.hpp"
#include "signaling/sdp/header_extension.hpp"

namespace sluice::sdp {

// A stream that we send on an m-line.
struct SendStream {
    std::uint32_t ssrc = 0;
    std::optional<std::uint32_t> rtx_ssrc;  // announced only if RTX was negotiated
    std::string cname;
    Msid msid;
    friend bool operator==(const SendStream&, const SendStream&) = default;
};

// A stream that the peer announced with a=ssrc lines; simulcast by rid comes without.
struct RemoteSsrc {
    std::uint32_t ssrc = 0;
    std::optional<std::uint32_t> rtx_ssrc;
    std::string cname;
    friend bool operator==(const RemoteSsrc&, const RemoteSsrc&) = default;
};

struct NegotiatedMedia {
    std::size_t index = 0;  // of the m-line
    std::string mid;
    MediaKind kind = MediaKind::audio;
    bool rejected = false;
    Direction direction = Direction::inactive;
    std::vector<Codec> codecs;  // media and RED in order of preference; RTX only as their rtx_pt
    HeaderExtensionIds extensions;
    std::vector<Rid> rids;  // what the peer sends; empty without simulcast
    std::vector<RemoteSsrc> remote_ssrcs;
    std::optional<Msid> remote_msid;
    std::optional<SendStream> send_stream;  // ours
    std::uint16_t sctp_port = 0;            // of the peer, on an application section
    std::uint64_t max_message_size = 0;     // that the peer takes, bytes; 0: any (RFC 8841)
};

struct TransportParams {
    std::string ice_ufrag, ice_pwd;  // of the peer
    std::vector<std::string> ice_options;
    std::vector<Fingerprint> fingerprints;
    std::vector<Candidate> candidates;
    bool end_of_candidates = false;
    Setup remote_setup = Setup::actpass;
    bool dtls_client = false;  // we send the ClientHello
};

}  // namespace sluice::sdp
