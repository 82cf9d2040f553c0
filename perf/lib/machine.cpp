#include "perf/lib/machine.hpp"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "dataplane/port/eal.hpp"
#include "perf/lib/statistics.hpp"

namespace sluice::perf {

std::string cpu_model() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (!line.starts_with("model name")) continue;
        const auto at = line.find(": ");
        if (at != std::string::npos) return line.substr(at + 2);
    }
    return "unknown CPU";
}

std::string json_escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
    return out;
}

Eal start_eal(const char* program, unsigned needed_mb) {
    Eal eal;
    // A poll-mode core is nobody else's. Where we may not ask for that, more slices are dropped.
    (void)setpriority(PRIO_PROCESS, 0, -20);
    // Interrupts prefer the first core.
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(core, &allowed)) eal.core = core;
        }
    }
    eal.hugepages = port::free_hugepages_mb() >= needed_mb;
    std::vector<std::string> arguments = {program, "--no-pci", "--no-telemetry", fmt::format("--lcores=0@{}", eal.core),
                                          "--log-level=lib.eal:error"};
    if (eal.hugepages) {
        arguments.push_back("--in-memory");
    } else {
        arguments.insert(arguments.end(), {"--no-huge", "--no-shconf", "-m", std::to_string(needed_mb * 4)});
    }
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
        fmt::print(stderr, "{}: EAL: {}\n", program, rte_strerror(rte_errno));
        std::exit(1);
    }
    return eal;
}

double empty_syscall_ns(const TscClock& clock) {
    // Batches of a few microseconds: one that somebody else disturbed is an outlier.
    constexpr int batch = 32;
    std::vector<double> ticks;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t start = TscClock::ticks();
        for (int j = 0; j < batch; ++j) syscall(SYS_getppid);
        ticks.push_back(static_cast<double>(TscClock::ticks() - start) / batch);
    }
    return median(ticks) * 1e9 / static_cast<double>(clock.hz());
}

}  // namespace sluice::perf
