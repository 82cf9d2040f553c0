#include "tools/load/gap_tracker.hpp"

namespace sluice::loadgen {

GapTracker::Step GapTracker::observe(std::uint64_t index, std::int64_t now_ns) {
    if (!started_) {
        started_ = true;
        highest_ = index;
        return Step::first;
    }
    if (index <= highest_) return fill(index) ? Step::filled : Step::regression;
    width_ = index - highest_ - 1;
    const std::uint64_t before = highest_;
    highest_ = index;
    if (width_ == 0) return Step::next;
    if (width_ > jump) {
        ++jumps_;
        given_up_ += width_;
        return Step::jump;
    }
    for (std::uint64_t lost = before + 1; lost < index; ++lost)
        missing_.emplace(lost, Missing{now_ns, now_ns + first_nack_ns});
    return Step::gap;
}

void GapTracker::expire(std::int64_t now_ns) {
    given_up_ += std::erase_if(missing_, [&](const auto& entry) { return now_ns - entry.second.since_ns > patience_ns; });
}

void GapTracker::excuse(std::int64_t ns) {
    for (auto& [index, missing] : missing_) missing.since_ns += ns;
}

std::vector<std::uint16_t> GapTracker::due_nacks(std::int64_t now_ns) {
    std::vector<std::uint16_t> due;
    for (auto& [index, missing] : missing_) {
        if (missing.nack_ns > now_ns) continue;
        missing.nack_ns = now_ns + repeat_nack_ns;
        due.push_back(static_cast<std::uint16_t>(index));
    }
    return due;
}

void GapTracker::forgive() {
    forgiven_ += lost();
    missing_.clear();
    given_up_ = 0;
}

}  // namespace sluice::loadgen
