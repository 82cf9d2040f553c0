#include "perf/lib/slices.hpp"

#include <algorithm>

#include "perf/lib/statistics.hpp"

namespace sluice::perf {
namespace {

// So many intervals of a kind make a median that may be held against later ones.
constexpr std::size_t settled_after = 32;

}  // namespace

SliceMeter::SliceMeter(const TscClock& clock)
    : slice_ticks_(static_cast<double>(clock.ticks_of_ns(slice_ns))),
      gap_ticks_(static_cast<double>(clock.ticks_of_ns(gap_ns))) {
    turn_.reserve(64);
    clean_.reserve(16'384);
}

void SliceMeter::begin_turn() noexcept {
    closed_ = 0;
    turn_.clear();
}

bool SliceMeter::sight_at(std::uint64_t now, std::uint64_t units, std::uint64_t finished, std::size_t kind) noexcept {
    const auto interval = static_cast<double>(now - last_);
    last_ = now;
    Kind& k = kinds_[kind];
    const auto work = static_cast<double>(units);
    const bool gap = interval > k.usual * work + gap_ticks_;
    gap_ |= gap;
    if (units != 0) k.recent[k.seen++ % k.recent.size()] = interval / work;
    k.spent += interval;
    spent_ += interval;
    finished_ += finished;
    if (spent_ < slice_ticks_ || finished_ == 0) return false;
    if (closed_ == 0 && !gap && spent_ < slice_ticks_ * warming_slices) return false;
    close();
    return true;
}

void SliceMeter::close() noexcept {
    const auto packets = static_cast<double>(finished_);
    Slice slice{spent_ / packets, {}};
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
        Kind& k = kinds_[i];
        slice.by_kind[i] = k.spent / packets;
        k.spent = 0;
        auto recent = k.recent;
        const double usual = median({recent.data(), std::min(k.seen, recent.size())});
        // While somebody else has every second microsecond, that becomes usual; the best that was usual so far is ours.
        if (!k.settled || usual < k.usual) k.usual = usual;
        k.settled = k.seen >= settled_after;
    }
    if (closed_++ != 0) {
        ++slices_;
        if (!gap_) {
            turn_.push_back(slice);
            clean_.push_back(slice);
        }
    }
    spent_ = 0;
    finished_ = 0;
    gap_ = false;
}

}  // namespace sluice::perf
