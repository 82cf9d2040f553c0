// application/trickle-ice-sdpfrag (RFC 8840), the body of a WHIP or WHEP PATCH: more candidates for
// some m-lines, or new credentials, which ask for an ICE restart.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/sdp/candidate.hpp"
#include "signaling/sdp/parse.hpp"

namespace sluice::sdp {

struct TrickleSection {
    std::string mid;
    std::string media = "audio 9 UDP/TLS/RTP/SAVPF 0";  // the pseudo m-line without "m="
    std::vector<Candidate> candidates;
    bool end_of_candidates = false;
    friend bool operator==(const TrickleSection&, const TrickleSection&) = default;
};

struct TrickleFragment {
    std::string ice_ufrag, ice_pwd;  // may be empty
    std::vector<std::string> ice_options;
    bool ice_lite = false;
    std::vector<std::string> bundle;  // mids
    bool end_of_candidates = false;   // of all sections
    std::vector<TrickleSection> sections;
    friend bool operator==(const TrickleFragment&, const TrickleFragment&) = default;
};

// Sections with two different credentials are an error: there is one transport.
[[nodiscard]] std::expected<TrickleFragment, ParseError> parse_trickle(std::string_view text);
[[nodiscard]] std::string write_trickle(const TrickleFragment& fragment);

}  // namespace sluice::sdp
