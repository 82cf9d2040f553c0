// Time of one contender's work in slices of a millisecond, and which of them somebody else disturbed.
//
// Theory of operation. The contender's loop is sighted at points that lie a few microseconds of work apart (every burst of
// frames that leaves, every system call). A sighting closes the slice as soon as a millisecond of work is together, so that
// a fan-out to 10,000 viewers is cut inside the burst. A *gap* is time between two sightings in which we did not run: what
// the interval exceeds the work in it by. The work is taken from the lowest median of the intervals of that kind so far, so
// that a long burst is no gap and 20 us of somebody else's inside a long burst are one. A slice with a gap above 20 us is
// dropped. Time between pause() and resume() counts for nothing.
//
// The first slice of a turn warms the caches that another contender had, and is not kept. It goes on until a gap has just
// passed, for up to 4 ms: the kernel's timer, whose interrupt can exceed 20 us in a virtual machine, would otherwise spoil a
// quarter of all slices by itself.
//
// Example: meter.begin_turn();
//          while (meter.closed() < 2) { prepare(); meter.resume(); work(); meter.sight(n, n); meter.pause(); }
//
// Thread: one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/base/tsc_clock.hpp"

namespace sluice::perf {

struct Slice {
    double ticks = 0;                 // per finished packet
    std::array<double, 2> by_kind{};  // the same, of the sightings of each kind
};

class SliceMeter {
public:
    static constexpr std::uint64_t slice_ns = 1'000'000;
    static constexpr std::uint64_t gap_ns = 20'000;
    static constexpr double taint_share = 0.25;
    // The most that warming takes, in slices: the period of a timer of 250 Hz.
    static constexpr double warming_slices = 4;

    explicit SliceMeter(const TscClock& clock);

    void begin_turn() noexcept;
    // Slices closed in this turn, the warming one included.
    [[nodiscard]] std::size_t closed() const noexcept { return closed_; }
    // Clean slices of this turn.
    [[nodiscard]] const std::vector<Slice>& turn() const noexcept { return turn_; }

    void resume() noexcept { resume_at(TscClock::ticks()); }
    // `units` of work of this kind were done since the last sighting or resume(); `finished` packets are complete with it.
    void sight(std::uint64_t units, std::uint64_t finished, std::size_t kind = 0) noexcept {
        // What closing a slice costs is nobody's work.
        if (sight_at(TscClock::ticks(), units, finished, kind)) resume();
    }
    void pause() noexcept { sight(0, 0); }

    // The same on the caller's time. True if that closed a slice.
    void resume_at(std::uint64_t now) noexcept { last_ = now; }
    bool sight_at(std::uint64_t now, std::uint64_t units, std::uint64_t finished, std::size_t kind = 0) noexcept;

    // Of all turns.
    [[nodiscard]] const std::vector<Slice>& clean() const noexcept { return clean_; }
    [[nodiscard]] std::size_t slices() const noexcept { return slices_; }
    [[nodiscard]] std::size_t dropped() const noexcept { return slices_ - clean_.size(); }
    [[nodiscard]] bool tainted() const noexcept {
        return slices_ == 0 || static_cast<double>(dropped()) > taint_share * static_cast<double>(slices_);
    }

private:
    // The last intervals of one kind, in ticks per unit.
    struct Kind {
        std::array<double, 64> recent{};
        std::size_t seen = 0;
        double usual = 0;  // the lowest median of `recent` at the end of a slice
        bool settled = false;
        double spent = 0;  // in this slice
    };
    void close() noexcept;

    double slice_ticks_;
    double gap_ticks_;
    std::uint64_t last_ = 0;
    double spent_ = 0;
    std::uint64_t finished_ = 0;
    bool gap_ = false;
    std::array<Kind, 2> kinds_{};
    std::size_t closed_ = 0;
    std::size_t slices_ = 0;
    std::vector<Slice> turn_;
    std::vector<Slice> clean_;
};

}  // namespace sluice::perf
