#include "controlplane/ice/lite_agent.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <utility>

#include "controlplane/ice/hmac.hpp"
#include "dataplane/wire/stun.hpp"
#include "dataplane/wire/stun_writer.hpp"

namespace sluice::ice {
namespace {

using wire::StunType;
using wire::StunView;
using wire::StunWriter;

using Bytes = std::vector<std::uint8_t>;

// Larger than any answer of ours: header, two addresses' worth of attributes, integrity, fingerprint.
using ResponseBuffer = std::array<std::uint8_t, 256>;

Bytes finish(StunWriter& writer) {
    writer.add_fingerprint();
    ByteView const bytes = writer.finish();
    return {bytes.begin(), bytes.end()};
}

// `pwd` is null before the peer has proved that it knows it (RFC 8489 section 9.1.3).
Bytes error_response(const StunView& request, std::uint16_t code, std::string_view reason, const std::string* pwd) {
    ResponseBuffer buffer;
    StunWriter writer(buffer, StunType::binding_error, request.transaction_id());
    writer.add_error_code(code, reason);
    if (code == 420) writer.add_unknown_attributes(request.unknown_required());
    if (pwd != nullptr) writer.add_message_integrity(StunHmac(*pwd));
    return finish(writer);
}

Bytes success_response(const StunView& request, const Endpoint& from, const std::string& pwd) {
    ResponseBuffer buffer;
    StunWriter writer(buffer, StunType::binding_success, request.transaction_id());
    writer.add_xor_mapped_address(from);
    writer.add_message_integrity(StunHmac(pwd));
    return finish(writer);
}

bool integrity_is_valid(const StunView& request, const std::string& pwd) {
    StunHmac hmac(pwd);
    return request.message_integrity_valid(hmac) && hmac.ok();
}

}  // namespace

std::string_view to_string(CheckVerdict verdict) noexcept {
    switch (verdict) {
        case CheckVerdict::valid: return "valid";
        case CheckVerdict::not_a_request: return "not a STUN binding request";
        case CheckVerdict::bad_fingerprint: return "STUN fingerprint missing or wrong";
        case CheckVerdict::missing_credentials: return "STUN credentials missing";
        case CheckVerdict::unknown_user: return "STUN username is not of this session";
        case CheckVerdict::bad_integrity: return "STUN message integrity is wrong";
        case CheckVerdict::unknown_attribute: return "STUN attribute that must be understood is unknown";
        case CheckVerdict::role_conflict: return "the ICE peer claims to be controlled";
    }
    return "unknown";
}

LiteAgent::LiteAgent(Credentials local, std::vector<Candidate> local_candidates)
    : local_candidates_(std::move(local_candidates)), current_{.number = 0, .local = std::move(local), .remote = {}} {}

void LiteAgent::set_remote(std::string ufrag, std::string pwd) {
    current_.remote = Credentials{std::move(ufrag), std::move(pwd)};
}

const Credentials& LiteAgent::local() const noexcept {
    return current_.local;
}
const std::optional<Credentials>& LiteAgent::remote() const noexcept {
    return current_.remote;
}

const LiteAgent::Generation* LiteAgent::match(std::string_view username) const noexcept {
    auto fits = [&](const Generation& generation) {
        // Neither fragment may hold a colon, so the first one divides.
        std::size_t const colon = username.find(':');
        if (colon == std::string_view::npos || username.substr(0, colon) != generation.local.ufrag) return false;
        return !generation.remote || username.substr(colon + 1) == generation.remote->ufrag;
    };
    if (fits(current_)) return &current_;
    if (previous_ && fits(*previous_)) return &*previous_;
    return nullptr;
}

CheckResult LiteAgent::handle_check(ByteView packet, const Endpoint& from, std::int64_t now_ns, const Endpoint& to) {
    CheckResult result;
    auto const request = StunView::parse(packet);
    if (!request || request->type() != StunType::binding_request) return result;
    // ICE's checks carry it always (RFC 8445 section 7.1), and without it this may be no STUN at all.
    if (!request->fingerprint_valid()) {
        result.verdict = CheckVerdict::bad_fingerprint;
        return result;
    }
    auto refuse = [&](CheckVerdict verdict, std::uint16_t code, std::string_view reason, const std::string* pwd) {
        result.verdict = verdict;
        result.response = error_response(*request, code, reason, pwd);
        return result;
    };

    auto const username = request->username();
    if (!username || !request->has_message_integrity())
        return refuse(CheckVerdict::missing_credentials, 400, "Bad Request", nullptr);
    const Generation* generation = match(*username);
    if (generation == nullptr) return refuse(CheckVerdict::unknown_user, 401, "Unauthenticated", nullptr);
    const std::string& pwd = generation->local.pwd;
    if (!integrity_is_valid(*request, pwd)) return refuse(CheckVerdict::bad_integrity, 401, "Unauthenticated", nullptr);
    if (!request->unknown_required().empty()) return refuse(CheckVerdict::unknown_attribute, 420, "Unknown Attribute", &pwd);
    // Section 7.3.1.1. A lite agent cannot take the controlling role over, whatever the tie-breaker.
    if (request->ice_controlled()) return refuse(CheckVerdict::role_conflict, 487, "Role Conflict", &pwd);

    result.verdict = CheckVerdict::valid;
    result.response = success_response(*request, from, pwd);
    result.nominated = request->use_candidate();
    result.priority = request->priority().value_or(0);
    std::optional<Pair> const before = selected_;
    bool const was_restarting = restarting();
    result.new_pair = note({.local = to, .remote = from}, result.priority, result.nominated, now_ns, generation->number);
    result.restart_completed = was_restarting && !restarting();
    result.selection_changed = selected_ != before;
    return result;
}

bool LiteAgent::note_valid_check(const Pair& pair, std::uint32_t priority, bool use_candidate, std::int64_t now_ns,
                                 std::string_view local_ufrag) {
    bool const is_old = previous_ && local_ufrag == previous_->local.ufrag;
    std::uint32_t const generation = is_old ? previous_->number : current_.number;
    std::optional<Pair> const before = selected_;
    note(pair, priority, use_candidate, now_ns, generation);
    return selected_ != before;
}

// True when the pair is new.
bool LiteAgent::note(const Pair& pair, std::uint32_t priority, bool use_candidate, std::int64_t now_ns,
                     std::uint32_t generation) {
    last_valid_ns_ = std::max(last_valid_ns_.value_or(now_ns), now_ns);
    auto at = std::ranges::find(pairs_, pair, &PairState::pair);
    bool const is_new = at == pairs_.end();
    if (is_new) {
        if (pairs_.size() >= max_pairs) forget_oldest();
        pairs_.push_back(
            {.pair = pair, .priority = 0, .last_check_ns = now_ns, .nominated = false, .generation = generation});
        at = std::prev(pairs_.end());
    }
    at->last_check_ns = std::max(at->last_check_ns, now_ns);
    if (generation > at->generation) {
        // Known from before the restart: it has to be nominated anew.
        at->generation = generation;
        at->nominated = false;
    }
    // A check without PRIORITY proves the pair all the same.
    if (priority != 0) at->priority = priority_of(pair, priority);
    if (use_candidate && generation == at->generation) at->nominated = true;
    reselect();
    return is_new;
}

void LiteAgent::forget_oldest() {
    auto const older = [&](const PairState& a, const PairState& b) {
        bool const a_selected = selected_ == a.pair;
        bool const b_selected = selected_ == b.pair;
        return std::pair(a_selected, a.last_check_ns) < std::pair(b_selected, b.last_check_ns);
    };
    pairs_.erase(std::ranges::min_element(pairs_, older));
}

void LiteAgent::reselect() {
    const PairState* best = nullptr;
    for (const PairState& state : pairs_) {
        if (!state.nominated) continue;
        if (best == nullptr || std::pair(state.generation, state.priority) > std::pair(best->generation, best->priority))
            best = &state;
    }
    bool const is_settled = best != nullptr && best->generation == current_.number;
    if (is_settled) previous_.reset();
    // During a restart a new nomination may be on its way: traffic stays where it is, if that still works.
    bool const still_known = selected_ && std::ranges::find(pairs_, *selected_, &PairState::pair) != pairs_.end();
    if (!is_settled && restarting() && still_known) return;
    selected_ = best != nullptr ? std::optional(best->pair) : std::nullopt;
}

std::uint64_t LiteAgent::priority_of(const Pair& pair, std::uint32_t remote_priority) const noexcept {
    auto const local = std::ranges::find(local_candidates_, pair.local, &Candidate::endpoint);
    std::uint32_t const ours = local != local_candidates_.end()
                                   ? local->priority
                                   : candidate_priority(CandidateType::host, std::numeric_limits<std::uint16_t>::max());
    return pair_priority(remote_priority, ours);
}

void LiteAgent::restart(Credentials local) {
    // A restart on top of one that nobody has used yet: what works is still the one before.
    bool const current_is_proven =
        std::ranges::any_of(pairs_, [&](const PairState& s) { return s.generation == current_.number; });
    std::uint32_t const number = current_.number + 1;
    if (!previous_ || current_is_proven) previous_ = std::move(current_);
    current_ = {.number = number, .local = std::move(local), .remote = {}};
}

bool LiteAgent::restarting() const noexcept {
    return previous_.has_value();
}

std::vector<std::string> LiteAgent::accepted_ufrags() const {
    std::vector<std::string> out{current_.local.ufrag};
    if (previous_) out.push_back(previous_->local.ufrag);
    return out;
}

std::optional<Pair> LiteAgent::selected() const {
    return selected_;
}
std::span<const PairState> LiteAgent::pairs() const noexcept {
    return pairs_;
}

bool LiteAgent::expire(std::int64_t now_ns) {
    std::optional<Pair> const before = selected_;
    std::erase_if(pairs_, [&](const PairState& state) { return now_ns - state.last_check_ns >= consent_timeout_ns; });
    reselect();
    return selected_ != before;
}

std::optional<std::int64_t> LiteAgent::consent_deadline_ns() const {
    if (!last_valid_ns_) return std::nullopt;
    return *last_valid_ns_ + consent_timeout_ns;
}

bool LiteAgent::consent_expired(std::int64_t now_ns) const {
    auto const deadline = consent_deadline_ns();
    return deadline && now_ns >= *deadline;
}

}  // namespace sluice::ice
