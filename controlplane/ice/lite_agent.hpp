// The policy of an ICE-lite, always controlled agent (RFC 8445) for one session: authenticates connectivity
// checks, writes their answers, keeps the pairs that they proved, selects among the nominated ones and
// watches consent (RFC 7675). The data plane does the same for pairs that it already knows; this agent sees
// the first check of a session, and the ones that the data plane reports.
//
// Theory of operation: checks are the only input. Each that is valid creates or refreshes a pair (an unknown
// remote address is a peer-reflexive candidate, never an error); one with USE-CANDIDATE nominates its pair;
// selected() is the nominated pair of the highest priority: where to send before the peer has sent media. E.g. a browser on
// Wi-Fi and LTE: check from Wi-Fi
// -> pair 1 validated; USE-CANDIDATE from LTE -> pair 2 selected; USE-CANDIDATE from Wi-Fi -> pair 1
// selected, since its priority is higher; 30 s without a check on pair 1 -> expire() falls back to pair 2.
//
// A restart (section 9) brings new local credentials and later the peer's new ones. Until a pair
// is nominated under the new ones, the old still answer and selected() is the old pair.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/ice/candidate.hpp"
#include "controlplane/ice/credentials.hpp"
#include "controlplane/ice/pair.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::ice {

inline constexpr std::int64_t consent_timeout_ns = 30'000'000'000;  // RFC 7675 section 5.1
inline constexpr std::size_t max_pairs = 16;

enum class CheckVerdict : std::uint8_t {
    valid,                // response: success with XOR-MAPPED-ADDRESS
    not_a_request,        // no response: not STUN, malformed, an indication or a response
    bad_fingerprint,      // no response: FINGERPRINT missing or wrong
    missing_credentials,  // response: 400
    unknown_user,         // response: 401; the USERNAME is not of this session
    bad_integrity,        // response: 401
    unknown_attribute,    // response: 420
    role_conflict,        // response: 487; the peer claims to be controlled
};
[[nodiscard]] std::string_view to_string(CheckVerdict verdict) noexcept;

struct CheckResult {
    CheckVerdict verdict = CheckVerdict::not_a_request;
    std::vector<std::uint8_t> response;  // to send back where the check came from; may be empty
    // The rest is set for `valid` only.
    bool new_pair = false;           // the first valid check of this pair
    bool nominated = false;          // the check carried USE-CANDIDATE
    bool selection_changed = false;  // selected() is another pair than before
    bool restart_completed = false;  // the old credentials ended with this check
    std::uint32_t priority = 0;      // the PRIORITY attribute: of the peer's candidate if peer-reflexive
};

struct PairState {
    Pair pair;
    std::uint64_t priority = 0;
    std::int64_t last_check_ns = 0;
    bool nominated = false;
    std::uint32_t generation = 0;  // counts restarts
};

// Owning thread only. Times are nanoseconds of one monotonic clock.
class LiteAgent {
public:
    // `local_candidates` give the local half of pair priorities; an unknown local address counts as the most preferred host.
    explicit LiteAgent(Credentials local, std::vector<Candidate> local_candidates = {});

    // The peer's values for the newest local credentials. Before this, checks are accepted with any
    // remote user fragment, since they may overtake the answer.
    void set_remote(std::string ufrag, std::string pwd);
    [[nodiscard]] const Credentials& local() const noexcept;
    [[nodiscard]] const std::optional<Credentials>& remote() const noexcept;  // of the newest local ones

    CheckResult handle_check(ByteView packet, const Endpoint& from, std::int64_t now_ns, const Endpoint& to = {});
    // A check that the data plane verified by itself, or a pair known from before this process started.
    // `local_ufrag` is the one that the check named; empty stands for the newest. True when selected() changed.
    bool note_valid_check(const Pair& pair, std::uint32_t priority, bool use_candidate, std::int64_t now_ns,
                          std::string_view local_ufrag = {});

    // A restart that is still under way is replaced.
    void restart(Credentials local);
    [[nodiscard]] bool restarting() const noexcept;
    // Every ufrag that must still reach this agent: the newest, then the one being replaced.
    [[nodiscard]] std::vector<std::string> accepted_ufrags() const;

    [[nodiscard]] std::optional<Pair> selected() const;
    [[nodiscard]] std::span<const PairState> pairs() const noexcept;

    // Forgets pairs without a valid check for 30 s. True when selected() changed.
    bool expire(std::int64_t now_ns);
    // When consent ends unless a check comes; nothing before the first valid check.
    [[nodiscard]] std::optional<std::int64_t> consent_deadline_ns() const;
    // The peer has been valid once, and silent on every pair for 30 s: stop sending to it.
    [[nodiscard]] bool consent_expired(std::int64_t now_ns) const;

private:
    struct Generation {
        std::uint32_t number = 0;
        Credentials local;
        std::optional<Credentials> remote{};
    };

    const Generation* match(std::string_view username) const noexcept;
    bool note(const Pair& pair, std::uint32_t priority, bool use_candidate, std::int64_t now_ns, std::uint32_t generation);
    void forget_oldest();
    void reselect();
    std::uint64_t priority_of(const Pair& pair, std::uint32_t remote_priority) const noexcept;

    std::vector<Candidate> local_candidates_;
    Generation current_;
    std::optional<Generation> previous_;  // while restarting
    std::vector<PairState> pairs_;
    std::optional<Pair> selected_;
    std::optional<std::int64_t> last_valid_ns_;
};

}  // namespace sluice::ice
