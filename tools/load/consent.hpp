// The checks that a controlling ICE agent keeps sending (RFC 7675), and how well they are answered. A check that nobody
// answers within 2 s is a failure; there is no retransmission, since the next check follows anyway.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>

#include "dataplane/wire/stun.hpp"

namespace sluice::loadgen {

// Main thread only.
class Consent {
public:
    static constexpr std::int64_t answer_within_ns = 2'000'000'000;

    void sent(const wire::StunTransactionId& id, std::int64_t now_ns) {
        pending_.push_back({id, now_ns});
        ++sent_;
        last_sent_ns_ = now_ns;
    }
    // False for an answer that nobody waits for.
    bool answered(const wire::StunTransactionId& id, std::int64_t now_ns) {
        const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& p) { return p.id == id; });
        if (found == pending_.end()) return false;
        pending_.erase(found);
        max_age_ns_ = std::max(max_age_ns_, age_ns(now_ns));
        last_answer_ns_ = now_ns;
        ++answered_;
        return true;
    }
    void expire(std::int64_t now_ns) {
        while (!pending_.empty() && now_ns - pending_.front().sent_ns > answer_within_ns) {
            pending_.pop_front();
            if (last_answer_ns_ != 0) ++failures_;  // before the first answer it is only establishment
        }
    }
    void refused() noexcept { ++failures_; }
    // We ourselves stood still for `ns`: what is under way has that much longer.
    void excuse(std::int64_t ns) noexcept {
        for (Pending& p : pending_) p.sent_ns += ns;
    }

    [[nodiscard]] std::uint64_t checks_sent() const noexcept { return sent_; }
    [[nodiscard]] std::uint64_t checks_answered() const noexcept { return answered_; }
    [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
    [[nodiscard]] std::int64_t last_sent_ns() const noexcept { return last_sent_ns_; }
    // Since the last answer; 0 before there is one.
    [[nodiscard]] std::int64_t age_ns(std::int64_t now_ns) const noexcept {
        return last_answer_ns_ == 0 ? 0 : now_ns - last_answer_ns_;
    }
    [[nodiscard]] std::int64_t max_age_ns(std::int64_t now_ns) const noexcept {
        return std::max(max_age_ns_, age_ns(now_ns));
    }
    void reset_max_age(std::int64_t now_ns) noexcept { max_age_ns_ = age_ns(now_ns); }

private:
    struct Pending {
        wire::StunTransactionId id;
        std::int64_t sent_ns;
    };
    std::deque<Pending> pending_;
    std::uint64_t sent_ = 0, answered_ = 0, failures_ = 0;
    std::int64_t last_sent_ns_ = INT64_MIN / 2, last_answer_ns_ = 0, max_age_ns_ = 0;
};

}  // namespace sluice::loadgen
