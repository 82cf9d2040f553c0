#include "dataplane/media/twcc_recorder.hpp"

#include <algorithm>

namespace sluice::media {

void TwccRecorder::on_packet(std::uint16_t transport_seq, std::int64_t arrival_ns) noexcept {
    constexpr auto size = static_cast<std::int64_t>(ring_size);
    const bool first = !seqs_.started();
    const std::int64_t before = seqs_.highest();
    const std::int64_t seq = seqs_.unwrap(transport_seq);
    if (first) {
        next_report_ = seq;
    } else if (seq > before) {
        const std::int64_t oldest = seq - size + 1;
        for (std::int64_t s = std::max(before + 1, oldest); s <= seq; ++s) arrivals_[slot(s)] = absent;
        if (next_report_ < oldest) {
            next_report_ = oldest;
            recount();
        }
    } else if (seq <= before - size || arrivals_[slot(seq)] != absent) {
        return;  // too old, or a duplicate: the first arrival counts
    }
    arrivals_[slot(seq)] = arrival_ns;
    ++received_;
    if (seq >= next_report_) {
        ++unreported_;
    } else {
        next_report_ = seq;
        recount();
    }
}

std::int64_t TwccRecorder::due_ns() const noexcept {
    if (unreported_ == 0) return INT64_MAX;
    if (unreported_ >= flush_at) return INT64_MIN;
    return last_sent_ns_ + (unreported_ >= much ? short_interval_ns : interval_ns);
}

TwccRecorder::Batch TwccRecorder::pending(std::span<wire::TwccArrival> scratch) const noexcept {
    std::size_t count = 0;
    for (std::int64_t seq = next_report_; seq <= seqs_.highest() && count < unreported_ && count < scratch.size(); ++seq) {
        const std::int64_t arrival = arrivals_[slot(seq)];
        if (arrival == absent) continue;
        scratch[count++] = wire::TwccArrival{.sequence = static_cast<std::uint16_t>(seq), .arrival_ns = arrival};
    }
    return Batch{static_cast<std::uint16_t>(next_report_), feedback_count_, scratch.first(count)};
}

void TwccRecorder::reported(std::size_t arrivals, std::int64_t now_ns) noexcept {
    last_sent_ns_ = now_ns;
    ++feedback_count_;
    for (std::size_t left = std::min(arrivals, unreported_); left > 0; ++next_report_) {
        if (arrivals_[slot(next_report_)] == absent) continue;
        --left;
        --unreported_;
    }
}

void TwccRecorder::recount() noexcept {
    unreported_ = 0;
    for (std::int64_t seq = next_report_; seq <= seqs_.highest(); ++seq) {
        if (arrivals_[slot(seq)] != absent) ++unreported_;
    }
}

}  // namespace sluice::media
