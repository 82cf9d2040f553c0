// A log-bucket histogram of durations: 32 buckets per power of two, so a percentile is off by at most 3 %, over the whole
// range of 64 bits, in 15 KB whatever is added. The largest value is kept exactly.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace sluice::loadgen {

// Owning thread only.
class Histogram {
public:
    // Negative values count as 0.
    void add(std::int64_t value) noexcept {
        const auto v = value < 0 ? 0 : static_cast<std::uint64_t>(value);
        ++buckets_[bucket(v)];
        ++count_;
        if (v > max_) max_ = v;
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    // Nearest rank, by the upper end of its bucket and never above max(); 0 for no values.
    [[nodiscard]] std::uint64_t percentile(double share) const noexcept;
    void clear() noexcept { *this = {}; }

private:
    static constexpr unsigned step_bits = 5;
    static constexpr std::uint64_t steps = 1U << step_bits;

    static constexpr std::size_t bucket(std::uint64_t v) noexcept {
        if (v < steps) return static_cast<std::size_t>(v);
        const auto power = static_cast<unsigned>(std::bit_width(v)) - 1;
        return (power - step_bits + 1) * steps + ((v >> (power - step_bits)) & (steps - 1));
    }
    static constexpr std::uint64_t upper_end(std::size_t bucket) noexcept {
        if (bucket < steps) return bucket;
        const std::uint64_t shift = bucket / steps - 1;
        return (((steps + bucket % steps) + 1) << shift) - 1;
    }

    std::array<std::uint64_t, (64 - step_bits + 1) * steps> buckets_{};
    std::uint64_t count_ = 0, max_ = 0;
};

}  // namespace sluice::loadgen
