// Brings up DPDK's environment layer from the configuration. Never probes a PCI device that was not named: a machine's own
// NIC stays its kernel's.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace sluice::port {

struct EalPlan {
    std::vector<std::string> arguments;  // argv of rte_eal_init
    bool hugepages = true;
};

// `free_hugepages_mb` is what the kernel has free in 2 MB pages; with hugepages = automatic it decides.
[[nodiscard]] std::expected<EalPlan, std::string> plan_eal(const config::Dataplane& dataplane, unsigned free_hugepages_mb,
                                                           unsigned needed_mb);
// From /proc/meminfo.
[[nodiscard]] unsigned free_hugepages_mb();
[[nodiscard]] std::expected<void, std::string> start_eal(const EalPlan& plan);

}  // namespace sluice::port
