// perf/run micro: every stage of the data plane's work on a packet by itself.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <rte_eal.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "perf/lib/machine.hpp"
#include "perf/micro/paired.hpp"
#include "perf/micro/reporter.hpp"
#include "perf/micro/stage.hpp"

int main(int argc, char** argv) {
    using namespace sluice;
    using namespace sluice::perf;
    CLI::App cli(
        "Every stage of the data plane's work on a packet by itself: ns and TSC cycles per item, medians of windows of 10 "
        "us. "
        "Exit: 0, or 1 when a stage did not do its work.",
        "perf/run micro");
    bool json = false;
    bool quick = false;
    std::string filter = ".";
    cli.add_flag("--json", json, "a JSON object per stage and line");
    cli.add_flag("--quick", quick, "a tenth of the windows");
    cli.add_option("--filter", filter, "only stages whose name matches this regular expression");
    CLI11_PARSE(cli, argc, argv);

    // Hash tables and the history pool come from DPDK.
    (void)start_eal("micro", 64);
    std::vector<std::string> arguments = {"micro", quick ? "--benchmark_min_time=0.01" : "--benchmark_min_time=0.1",
                                          "--benchmark_filter=" + filter};
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    int count = static_cast<int>(pointers.size());
    benchmark::Initialize(&count, pointers.data());
    add_frame_stages();
    add_stun_stages();
    add_srtp_stages();
    add_rtp_stages();
    add_rtcp_stages();
    add_repair_stages();
    add_ring_stages();
    const std::uint64_t tsc_hz = TscClock::calibrate().hz();
    StageReporter reporter(json, cpu_model(), tsc_hz);
    benchmark::RunSpecifiedBenchmarks(&reporter);
    const PairedResult paired = run_paired({std::regex(filter), json, quick, cpu_model(), static_cast<double>(tsc_hz)});
    const int stages = reporter.stages() + paired.rows;
    if (stages == 0) fmt::print(stderr, "micro: no stage matches {}\n", filter);
    (void)rte_eal_cleanup();
    return reporter.errors() + paired.errors == 0 && stages != 0 ? 0 : 1;
}
