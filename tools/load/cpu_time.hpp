// What this process has taken of the machine, so that a measurement beside the SFU can tell the two apart.
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace sluice::loadgen {

struct CpuTime {
    std::int64_t ns = 0;  // user and system, all threads
    std::int64_t max_rss_kb = 0;

    [[nodiscard]] static CpuTime now() noexcept {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        const auto ns = [](const timeval& t) {
            return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_usec * std::int64_t{1'000};
        };
        return {ns(usage.ru_utime) + ns(usage.ru_stime), usage.ru_maxrss};
    }
};

}  // namespace sluice::loadgen
