// EAL without hugepages and without any device, once for all tests of the process.
#pragma once

#include <rte_eal.h>

namespace sluice::test {

[[nodiscard]] inline bool start_eal() {
    const char* arguments[] = {"component",
                               "--no-huge",
                               "--no-pci",
                               "--no-shconf",
                               "-m",
                               "192",
                               "--no-telemetry",
                               "--lcores=0@0",
                               "--log-level=lib.eal:error",
                               "--log-level=user1:warning"};
    return rte_eal_init(sizeof arguments / sizeof *arguments, const_cast<char**>(arguments)) >= 0;
}

}  // namespace sluice::test
