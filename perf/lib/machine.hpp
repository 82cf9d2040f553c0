// What a benchmark needs to know of the machine it runs on, and says with its figures.
#pragma once

#include <string>

#include "dataplane/base/tsc_clock.hpp"

namespace sluice::perf {

// "model name" of /proc/cpuinfo.
[[nodiscard]] std::string cpu_model();

// Quotes and backslashes escaped, control characters left out.
[[nodiscard]] std::string json_escaped(const std::string& text);

// Brings up the EAL on one core, the last that we may use, at the highest priority that we get; with hugepages where
// `needed_mb` of them are free. No PCI device is looked at. Exits with a message where it fails.
struct Eal {
    bool hugepages = false;
    unsigned core = 0;
};
Eal start_eal(const char* program, unsigned needed_mb);

// Median cost in ns of a system call that does nothing (getppid).
[[nodiscard]] double empty_syscall_ns(const TscClock& clock);

}  // namespace sluice::perf
