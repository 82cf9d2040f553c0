#include "perf/micro/reporter.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "perf/lib/machine.hpp"

namespace sluice::perf {

bool StageReporter::ReportContext(const Context&) {
    if (!json_) {
        fmt::print("{}; medians, per item\n{:<62} {:>9} {:>9} {:>9} {:>8}\n", cpu_, "stage", "ns", "TSC", "M/s", "Gbit/s");
    }
    return true;
}

void StageReporter::ReportRuns(const std::vector<Run>& runs) {
    for (const Run& run : runs) {
        if (run.error_occurred) {
            fmt::print(stderr, "{}: {}\n", run.benchmark_name(), run.error_message);
            ++errors_;
            return;
        }
        const double bytes = run.counters.at("bytes").value;
        const double cycles = run.counters.at("cycles").value;
        const double ns = cycles * 1e9 / hz_;
        const std::string name = run.run_name.function_name;
        ++stages_;
        if (json_) {
            fmt::print(
                R"({{"version":1,"benchmark":"micro","stage":"{}","ns":{:.2f},"cycles":{:.1f},"mega_per_second":{:.2f},)"
                R"("bytes":{:.0f},"gbps":{},"cpu":"{}"}})"
                "\n",
                name, ns, cycles, 1000 / ns, bytes, bytes > 0 ? fmt::format("{:.2f}", bytes * 8 / ns) : "null",
                json_escaped(cpu_));
        } else {
            fmt::print("{:<62} {:>9.1f} {:>9.0f} {:>9.2f} {:>8}\n", name, ns, cycles, 1000 / ns,
                       bytes > 0 ? fmt::format("{:.1f}", bytes * 8 / ns) : "");
        }
        std::fflush(stdout);
    }
}

}  // namespace sluice::perf
