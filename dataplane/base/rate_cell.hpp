// A rate in eight bytes, for what there are thousands of: the generic cell rate algorithm (ITU-T I.371). The number is the
// time at which the budget will be whole again, so a new one is whole and an idle one needs no refill. One thread.
//
// Example: RateCell cell; if (cell.take({10, 8}, now_ns)) ...  // ten a second, eight in one go
#pragma once

#include <cstdint>

#include "dataplane/base/token_bucket.hpp"

namespace sluice {

class RateCell {
public:
    // The same rate each time; `now_ns` of any monotone clock.
    [[nodiscard]] bool take(Rate rate, std::int64_t now_ns) noexcept {
        const std::int64_t interval_ns = 1'000'000'000 / rate.per_second;
        const std::int64_t from = whole_at_ns_ < now_ns ? now_ns : whole_at_ns_;
        if (from - now_ns > (rate.burst - 1) * interval_ns) return false;
        whole_at_ns_ = from + interval_ns;
        return true;
    }

private:
    std::int64_t whole_at_ns_ = 0;
};

}  // namespace sluice
