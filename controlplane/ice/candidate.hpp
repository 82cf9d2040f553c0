// ICE candidates: the `candidate:` lines of peers (RFC 8839 section 5.1), our own host candidates, and the
// priorities of both (RFC 8445 section 5.1.2). A lite agent never sends checks, so the peer's candidates
// serve for priorities, logs and statistics only.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/endpoint.hpp"

namespace sluice::ice {

enum class CandidateType : std::uint8_t { host, srflx, prflx, relay };

struct Candidate {
    std::string foundation;
    std::uint8_t component = 1;
    std::uint32_t priority = 0;
    Endpoint endpoint;
    CandidateType type = CandidateType::host;

    friend bool operator==(const Candidate&, const Candidate&) = default;
};

enum class CandidateError : std::uint8_t {
    malformed,
    not_udp,          // ignore: TCP candidates belong to the relay
    not_an_address,   // ignore: a `.local` or other name, which is not resolved
    wrong_component,  // ignore: rtcp-mux leaves component 1 only
};
[[nodiscard]] std::string_view to_string(CandidateError error) noexcept;

// `line` may begin with "a=candidate:", "candidate:" or the foundation itself. Extensions are skipped.
[[nodiscard]] std::expected<Candidate, CandidateError> parse_candidate(std::string_view line);

// The line as it stands in SDP after "a=": "candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host".
[[nodiscard]] std::string format_candidate(const Candidate& candidate);

// 2^24 * type preference + 2^8 * local preference + (256 - component), component 1.
[[nodiscard]] std::uint32_t candidate_priority(CandidateType type, std::uint16_t local_preference) noexcept;

// RFC 8445 section 6.1.2.3; the peer controls.
[[nodiscard]] std::uint64_t pair_priority(std::uint32_t controlling, std::uint32_t controlled) noexcept;

// Host candidates for the configured addresses, most preferred first: each has a foundation and a priority of its own.
[[nodiscard]] std::vector<Candidate> host_candidates(std::span<const Endpoint> addresses);

}  // namespace sluice::ice
