// The rate of a port's egress, shared by its workers: for a link that carries others too, or a provider that drops what
// exceeds a commitment.
//
// Theory of operation. A virtual queue, by the time at which it will be empty (the generic cell rate algorithm): what is
// sent moves that time on, and whoever finds it further ahead than `depth` has to wait. So from idle a depth's worth leaves
// at once, and over any longer time no more than the rate; workers take what they need, whoever asks first. One atomic
// operation a burst.
//
// Thread: any worker.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sluice::port {

class EgressPacer {
public:
    // Preamble, start of frame, FCS and the gap: what Ethernet adds to a frame's bytes (IEEE 802.3 clauses 3 and 4).
    static constexpr std::uint64_t framing_bytes = 24;
    // An idle worker sleeps for up to 200 us at a time, and must find enough to send meanwhile.
    static constexpr double depth_s = 0.0005;
    // And at least a burst of full frames.
    static constexpr double depth_bytes = 96 * (1514 + framing_bytes);

    // `bits_per_s` above 0, on the wire; `hz` of the clock that `now` is of.
    EgressPacer(double bits_per_s, std::uint64_t hz) noexcept
        : ticks_per_byte_(8 * static_cast<double>(hz) / bits_per_s),
          depth_(static_cast<std::uint64_t>(std::max(depth_s * static_cast<double>(hz), depth_bytes * ticks_per_byte_))) {}

    // True: that much may leave now, framing included. False: nothing of it.
    [[nodiscard]] bool claim(std::uint64_t bytes, std::uint64_t now) noexcept {
        std::uint64_t empty_at = empty_at_.load(std::memory_order_relaxed);
        for (;;) {
            const std::uint64_t from = std::max(empty_at, now);
            if (from - now >= depth_) return false;
            if (empty_at_.compare_exchange_weak(empty_at, from + ticks(bytes), std::memory_order_relaxed)) return true;
        }
    }
    // Of what was claimed and did not leave.
    void give_back(std::uint64_t bytes) noexcept { empty_at_.fetch_sub(ticks(bytes), std::memory_order_relaxed); }

private:
    [[nodiscard]] std::uint64_t ticks(std::uint64_t bytes) const noexcept {
        return static_cast<std::uint64_t>(ticks_per_byte_ * static_cast<double>(bytes));
    }

    double ticks_per_byte_;
    std::uint64_t depth_;
    alignas(64) std::atomic<std::uint64_t> empty_at_ = 0;
};

}  // namespace sluice::port
