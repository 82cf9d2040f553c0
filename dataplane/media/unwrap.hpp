// Unwrapping of RTP sequence numbers (16 bit) and timestamps (32 bit) into int64.
//
// Theory of operation: a value is placed within half a cycle of the highest one seen, forward or back, so reordering
// and rollover need no special case. The low bits of the result always equal the wrapped value. The first value
// unwraps to itself; one that is older than it becomes negative, which two's complement keeps consistent.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace sluice::media {

// Owning worker only.
template <std::unsigned_integral T>
class Unwrapper {
public:
    // Places `value` and, if it is ahead, makes it the new highest.
    std::int64_t unwrap(T value) noexcept {
        const std::int64_t extended = peek(value);
        if (!started_ || extended > highest_) highest_ = extended;
        started_ = true;
        return extended;
    }

    // Places `value` and changes nothing.
    [[nodiscard]] std::int64_t peek(T value) const noexcept {
        if (!started_) return static_cast<std::int64_t>(value);
        const auto step = static_cast<std::make_signed_t<T>>(static_cast<T>(value - static_cast<T>(highest_)));
        return highest_ + step;
    }

    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] std::int64_t highest() const noexcept { return highest_; }
    void reset() noexcept { *this = Unwrapper{}; }

private:
    std::int64_t highest_ = 0;
    bool started_ = false;
};

using SeqUnwrapper = Unwrapper<std::uint16_t>;
using TimestampUnwrapper = Unwrapper<std::uint32_t>;

}  // namespace sluice::media
