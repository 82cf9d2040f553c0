// Counts heap allocations of the calling thread while a guard lives: a worker's iteration must make none.
#pragma once

#include <cstdint>

namespace sluice::test {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool allocations_are_counted = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool allocations_are_counted = false;  // the sanitizer owns malloc
#else
inline constexpr bool allocations_are_counted = true;
#endif
#else
inline constexpr bool allocations_are_counted = true;
#endif

class AllocationGuard {
public:
    AllocationGuard();
    ~AllocationGuard();
    AllocationGuard(const AllocationGuard&) = delete;
    AllocationGuard& operator=(const AllocationGuard&) = delete;
    // Over all guards of the process so far.
    [[nodiscard]] static std::uint64_t counted();
};

}  // namespace sluice::test
