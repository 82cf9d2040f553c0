// Which packets of one SSRC are missing, for how long, and which of them to ask for again.
//
// Theory of operation. Indices come in unwrapped. A step of more than one opens a gap: each missing index waits
// `patience_ns` to be filled (reordering, RTX) and is then lost. A step of more than `jump` is a jump: the sender went on
// elsewhere (a restarted SFU resumes at its reservation), so nothing is asked for and all of it counts as lost and jumped.
// An index below the highest that fills no gap is a regression, which no correct sender produces.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace sluice::loadgen {

// Owning thread only.
class GapTracker {
public:
    static constexpr std::uint64_t jump = 100;
    static constexpr std::int64_t patience_ns = 2'000'000'000;
    static constexpr std::int64_t first_nack_ns = 20'000'000;
    static constexpr std::int64_t repeat_nack_ns = 100'000'000;

    enum class Step : std::uint8_t {
        first,
        next,  // the highest plus one
        gap,   // further ahead
        jump,
        filled,  // a gap
        regression,
    };
    Step observe(std::uint64_t index, std::int64_t now_ns);
    // The packet came another way (RTX). False if it was not missing.
    bool fill(std::uint64_t index) { return missing_.erase(index) != 0; }

    // Gives up on what waited too long.
    void expire(std::int64_t now_ns);
    // The receiver stood still for `ns`: what is missing has that much longer.
    void excuse(std::int64_t ns);
    // Low 16 bits of what should be asked for now, ascending; each is due again 100 ms later.
    [[nodiscard]] std::vector<std::uint16_t> due_nacks(std::int64_t now_ns);
    // Nothing missing so far was the sender's fault (the receiver was away).
    void forgive();

    // Nothing is being waited for.
    [[nodiscard]] bool complete() const noexcept { return missing_.empty(); }
    [[nodiscard]] std::uint64_t highest() const noexcept { return highest_; }
    [[nodiscard]] std::uint64_t width() const noexcept { return width_; }  // of the last gap or jump: packets skipped
    [[nodiscard]] std::uint64_t lost() const noexcept { return given_up_ + missing_.size(); }
    [[nodiscard]] std::uint64_t jumps() const noexcept { return jumps_; }
    [[nodiscard]] std::uint64_t forgiven() const noexcept { return forgiven_; }

private:
    struct Missing {
        std::int64_t since_ns = 0;
        std::int64_t nack_ns = 0;
    };
    std::map<std::uint64_t, Missing> missing_;
    std::uint64_t highest_ = 0;
    std::uint64_t width_ = 0;
    std::uint64_t given_up_ = 0;
    std::uint64_t jumps_ = 0;
    std::uint64_t forgiven_ = 0;
    bool started_ = false;
};

}  // namespace sluice::loadgen
