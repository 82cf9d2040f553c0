// From the offer of a WHIP or WHEP client to an answer and the session's media lines. Pure: ids, SSRCs and start
// values come from the injected randomness.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/session/ids.hpp"
#include "controlplane/session/session_state.hpp"
#include "dataplane/base/endpoint.hpp"
#include "signaling/sdp/candidate.hpp"

namespace sluice::session {

struct NegotiateInput {
    Role role = Role::publisher;
    ice::Credentials local;
    std::string fingerprint_sha256;
    std::vector<Endpoint> addresses;  // of our candidates, most preferred first
    std::string cname;
};

struct Negotiation {
    std::string answer_sdp;
    std::vector<MediaLine> lines;
    ice::Credentials remote;
    dtls::Fingerprints fingerprints;
    bool dtls_client = false;
};

struct Refused {
    int status = 400;  // HTTP
    std::string title;
    std::string detail;
};

[[nodiscard]] std::expected<Negotiation, Refused> negotiate(std::string_view offer_sdp, const NegotiateInput& input,
                                                            const Random& random);

[[nodiscard]] std::vector<sdp::Candidate> sdp_candidates(const std::vector<Endpoint>& addresses);

}  // namespace sluice::session
