// Latencies in ticks, counted in steps of 100 ns up to 2 ms: all of them, and those of stretches in which nobody else had
// the core.
//
// Theory of operation. Frames of the running stretch of a millisecond are kept apart. A stretch is clean if the port was
// called without a gap in it, and nothing is left of what piled up in the last one.
//
// Thread: one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace sluice::perf {

class Latencies {
public:
    static constexpr std::uint64_t step_ns = 100;
    static constexpr std::size_t steps = 20'000;

    explicit Latencies(double ticks_per_ns) : ticks_per_step_(ticks_per_ns * step_ns) {}

    void add(std::uint64_t ticks) {
        const auto at = std::min(steps, static_cast<std::size_t>(static_cast<double>(ticks) / ticks_per_step_));
        ++raw_.counts[at];
        ++raw_.total;
        running_.push_back(static_cast<std::uint32_t>(at));
    }
    // `gap`: somebody else had the core in it. `idle`: there was a moment at which nothing was waiting.
    void end_stretch(bool gap, bool idle) {
        ++stretches_;
        if (!gap && !behind_) {
            ++clean_stretches_;
            for (const std::uint32_t at : running_) ++clean_.counts[at];
            clean_.total += running_.size();
        }
        running_.clear();
        behind_ = gap || (behind_ && !idle);
    }
    // In us, the upper bound of the step; 2,000 stands for more. 0 of none.
    [[nodiscard]] double clean_us(double quantile) const { return clean_.quantile_us(quantile); }
    [[nodiscard]] double raw_us(double quantile) const { return raw_.quantile_us(quantile); }
    [[nodiscard]] std::uint64_t clean() const noexcept { return clean_.total; }
    [[nodiscard]] std::uint64_t raw() const noexcept { return raw_.total; }
    [[nodiscard]] std::uint64_t stretches() const noexcept { return stretches_; }
    [[nodiscard]] std::uint64_t clean_stretches() const noexcept { return clean_stretches_; }

private:
    struct Counts {
        std::vector<std::uint64_t> counts = std::vector<std::uint64_t>(steps + 1);
        std::uint64_t total = 0;
        [[nodiscard]] double quantile_us(double quantile) const {
            std::uint64_t seen = 0;
            for (std::size_t i = 0; i < counts.size(); ++i) {
                seen += counts[i];
                if (seen != 0 && static_cast<double>(seen) >= quantile * static_cast<double>(total))
                    return static_cast<double>((i + 1) * step_ns) / 1000;
            }
            return 0;
        }
    };
    double ticks_per_step_;
    Counts raw_, clean_;
    std::vector<std::uint32_t> running_;
    bool behind_ = true;  // of a gap's backlog something may be left
    std::uint64_t stretches_ = 0, clean_stretches_ = 0;
};

// What an ideal server of this speed would make of the same arrivals (M/D/1): the quantile of the time from a packet's being
// due to each of its frames' being done, in us, by simulation. `service_us`: of a packet with all its frames.
[[nodiscard]] inline double ideal_us(double service_us, double load, unsigned frames, double quantile) {
    constexpr int packets = 100'000;
    std::mt19937_64 random(5);
    std::exponential_distribution<double> interval(load / service_us);
    std::vector<double> times;
    double now = 0, free = 0;
    for (int i = 0; i < packets; ++i) {
        now += interval(random);
        free = std::max(free, now);
        const unsigned frame = static_cast<unsigned>(random() % frames) + 1;
        times.push_back(free + service_us * frame / frames - now);
        free += service_us;
    }
    const auto at = times.begin() + static_cast<std::ptrdiff_t>(quantile * (packets - 1));
    std::nth_element(times.begin(), at, times.end());
    return *at;
}

}  // namespace sluice::perf
