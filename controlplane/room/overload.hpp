// How far this node is up the ladder of overload, from how busy its workers are. Each rung has a line at which it is reached
// and a lower one at which it is left, so that nothing flutters between the two.
//
// Theory of operation. Once a second the busy ratios are handed in. `full`: the least busy worker is over 80 %, nobody new
// is placed until it is under 70 %. `strained`: the busiest is over 90 % for two seconds; simulcast rooms are sent one layer
// lower until it is under 75 % for five, which is what lower layers must have won for the higher ones to fit again.
//
// Thread: the io thread. Pure.
#pragma once

namespace sluice::room {

class Rung {
public:
    // Ratios, `leave` below `enter`; so many updates in a row have to be beyond them.
    constexpr Rung(double enter, double leave, int enter_after, int leave_after) noexcept
        : enter_(enter), leave_(leave), enter_after_(enter_after), leave_after_(leave_after) {}

    // True when the rung was reached or left.
    constexpr bool update(double busy) noexcept {
        const bool beyond = on_ ? busy < leave_ : busy > enter_;
        lasted_ = beyond ? lasted_ + 1 : 0;
        if (lasted_ < (on_ ? leave_after_ : enter_after_)) return false;
        lasted_ = 0;
        on_ = !on_;
        return true;
    }
    [[nodiscard]] constexpr bool on() const noexcept { return on_; }
    [[nodiscard]] constexpr double enter() const noexcept { return enter_; }
    [[nodiscard]] constexpr double leave() const noexcept { return leave_; }

private:
    double enter_, leave_;
    int enter_after_, leave_after_;
    int lasted_ = 0;
    bool on_ = false;
};

struct Overload {
    Rung full{0.80, 0.70, 1, 2};      // of the least busy worker: no new placements
    Rung strained{0.90, 0.75, 2, 5};  // of the busiest: lower layers
};

}  // namespace sluice::room
