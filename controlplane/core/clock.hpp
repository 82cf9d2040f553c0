// The two clocks of the control plane. Pure libraries take `now` as an argument; only their owners call these.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice::core {

// Nanoseconds that never run backwards; for intervals and timers.
[[nodiscard]] inline std::int64_t monotonic_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Nanoseconds since 1970-01-01 UTC; for what people and other machines see.
[[nodiscard]] inline std::int64_t unix_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace sluice::core
