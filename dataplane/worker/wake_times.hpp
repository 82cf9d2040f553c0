// When each of a worker's publishers has something to be told: times side by side, so that a round over thousands of them
// reads a few lines of memory and not the publishers.
//
// Theory of operation: a member is a position; sooner() brings its time forward when something happens to it, set() says
// when it is due next after it was served. A round goes once over all positions and yields those that are due; it can be
// spread over any number of calls. Whoever leaves has its position taken by the last.
//
// Owning worker only; bounded, memory is taken by the constructor alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace sluice::worker {

class WakeTimes {
public:
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

    explicit WakeTimes(std::size_t capacity) { at_.reserve(capacity); }

    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(at_.size()); }
    // The new member's position is the size before. Not beyond the capacity.
    void add(std::int64_t at_ns) noexcept { at_.push_back(at_ns); }
    // The last member has `position` afterwards.
    void remove(std::uint32_t position) noexcept {
        at_[position] = at_.back();
        at_.pop_back();
    }
    void set(std::uint32_t position, std::int64_t at_ns) noexcept { at_[position] = at_ns; }
    void sooner(std::uint32_t position, std::int64_t at_ns) noexcept { at_[position] = std::min(at_[position], at_ns); }
    [[nodiscard]] std::int64_t at(std::uint32_t position) const noexcept { return at_[position]; }

    // Unless one is under way.
    void begin_round() noexcept {
        if (!in_round()) next_ = 0;
    }
    [[nodiscard]] bool in_round() const noexcept { return next_ < at_.size(); }
    // The next one of the round that is due; nullopt at its end.
    [[nodiscard]] std::optional<std::uint32_t> next_due(std::int64_t now_ns) noexcept {
        const std::uint32_t count = size();
        while (next_ < count) {
            const std::uint32_t position = next_++;
            if (at_[position] <= now_ns) return position;
        }
        return std::nullopt;
    }

private:
    std::vector<std::int64_t> at_;
    std::uint32_t next_ = 0;  // of the round; at the end or beyond: none is under way
};

}  // namespace sluice::worker
