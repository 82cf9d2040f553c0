// A token bucket in integers, time injected as nanoseconds of any monotone clock. It starts full and gains at most a
// second's worth at a time. One thread.
#pragma once

#include <cstdint>

namespace sluice {

struct Rate {
    std::int64_t per_second = 0;
    std::int64_t burst = 0;
};

class TokenBucket {
public:
    constexpr explicit TokenBucket(Rate rate) noexcept : TokenBucket(rate.per_second, rate.burst) {}
    constexpr TokenBucket(std::int64_t per_second, std::int64_t burst) noexcept
        : per_second_(per_second), burst_(burst), tokens_(burst) {}

    [[nodiscard]] bool take(std::int64_t now_ns, std::int64_t count = 1) noexcept {
        const std::int64_t elapsed = now_ns - refilled_ns_;
        if (elapsed >= 1'000'000) {
            const std::int64_t capped = elapsed < 1'000'000'000 ? elapsed : 1'000'000'000;
            tokens_ += per_second_ * capped / 1'000'000'000;
            if (tokens_ > burst_) tokens_ = burst_;
            refilled_ns_ = now_ns;
        }
        if (tokens_ < count) return false;
        tokens_ -= count;
        return true;
    }

private:
    std::int64_t per_second_;
    std::int64_t burst_;
    std::int64_t tokens_;
    std::int64_t refilled_ns_ = 0;
};

}  // namespace sluice
