// The one clock of the data plane: TSC ticks turned into nanoseconds by a rate that was measured against
// CLOCK_MONOTONIC_RAW. rte_get_tsc_hz() rounds to 10 MHz (1,503 ppm off on the reference machine), so nobody uses it.
//
// Theory of operation. calibrate() samples (tsc, monotonic) pairs at both ends of an interval and keeps the pair with the
// shortest bracket. now_ns() is tsc * mult >> 32 plus an anchor, monotonic on a machine with an invariant TSC.
// unix_ns() adds the wall clock's offset at calibration. Any thread; immutable after calibration.
#pragma once

#include <time.h>
#include <x86intrin.h>

#include <cstdint>

namespace sluice {

class TscClock {
public:
    // Blocks for `interval_ns` (at least 1 ms; 20 ms gives some ppm).
    [[nodiscard]] static TscClock calibrate(std::int64_t interval_ns = 20'000'000) noexcept {
        const Sample first = sample();
        Sample last = sample();
        while (last.raw_ns - first.raw_ns < interval_ns) last = sample();
        TscClock clock;
        const double hz = static_cast<double>(last.tsc - first.tsc) * 1e9 / static_cast<double>(last.raw_ns - first.raw_ns);
        clock.hz_ = static_cast<std::uint64_t>(hz);
        clock.mult_ = static_cast<std::uint64_t>(1e9 * 4294967296.0 / hz);
        clock.anchor_tsc_ = last.tsc;
        clock.anchor_ns_ = read(CLOCK_MONOTONIC);
        clock.unix_offset_ns_ = read(CLOCK_REALTIME) - clock.anchor_ns_;
        return clock;
    }

    [[nodiscard]] static std::uint64_t ticks() noexcept { return __rdtsc(); }
    // Nanoseconds of CLOCK_MONOTONIC, extrapolated from the anchor.
    [[nodiscard]] std::int64_t now_ns() const noexcept { return to_ns(ticks()); }
    [[nodiscard]] std::int64_t to_ns(std::uint64_t tsc) const noexcept {
        return anchor_ns_ + static_cast<std::int64_t>((static_cast<unsigned __int128>(tsc - anchor_tsc_) * mult_) >> 32);
    }
    [[nodiscard]] std::int64_t to_unix_ns(std::int64_t monotonic_ns) const noexcept {
        return monotonic_ns + unix_offset_ns_;
    }
    [[nodiscard]] std::uint64_t hz() const noexcept { return hz_; }
    [[nodiscard]] std::uint64_t ticks_of_ns(std::uint64_t ns) const noexcept {
        return static_cast<std::uint64_t>(static_cast<unsigned __int128>(ns) * hz_ / 1'000'000'000u);
    }

private:
    struct Sample {
        std::uint64_t tsc;
        std::int64_t raw_ns;
    };
    [[nodiscard]] static std::int64_t read(clockid_t id) noexcept {
        timespec t{};
        clock_gettime(id, &t);
        return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
    }
    // The tightest of some brackets, so that a preemption between the two reads does not count.
    [[nodiscard]] static Sample sample() noexcept {
        Sample best{};
        std::uint64_t tightest = ~std::uint64_t{0};
        for (int i = 0; i < 5; ++i) {
            const std::uint64_t before = ticks();
            const std::int64_t ns = read(CLOCK_MONOTONIC_RAW);
            const std::uint64_t after = ticks();
            if (after - before < tightest) {
                tightest = after - before;
                best = {before + (after - before) / 2, ns};
            }
        }
        return best;
    }

    std::uint64_t hz_ = 1'000'000'000;
    std::uint64_t mult_ = std::uint64_t{1} << 32;
    std::uint64_t anchor_tsc_ = 0;
    std::int64_t anchor_ns_ = 0;
    std::int64_t unix_offset_ns_ = 0;
};

}  // namespace sluice
