// perf/run pipeline and perf/run fanout: 1 publisher to N viewers through the real worker, beside the kernel doing the same.
// The first varies what surrounds the packet (suites, IP versions, checksums, ports), the second how many viewers there are.

#include <fmt/format.h>
#include <rte_eal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "perf/lib/machine.hpp"
#include "perf/pipeline/measure.hpp"

namespace {

using namespace sluice;
using namespace sluice::perf;

struct Plan {
    SceneSpec scene;
    std::vector<Behind> ports;
};

constexpr auto gcm = srtp::Suite::aead_aes_128_gcm;
constexpr auto cm = srtp::Suite::aes_cm_128_hmac_sha1_80;
const std::vector<unsigned> all_viewers{1, 10, 100, 1000, 10'000};
const std::vector<Behind> both{Behind::null, Behind::ring};

// Every combination.
std::vector<Plan> full(const std::vector<unsigned>& viewers, std::size_t size) {
    std::vector<Plan> plans;
    for (const auto suite : {gcm, cm}) {
        for (const bool v6 : {false, true}) {
            for (const bool offload : {true, false}) {
                for (const unsigned n : viewers) plans.push_back({{n, suite, v6, offload, size}, both});
            }
        }
    }
    return plans;
}

// Each dimension once.
std::vector<Plan> quick(const std::vector<unsigned>& viewers, std::size_t size) {
    std::vector<Plan> plans;
    for (const unsigned n : viewers) plans.push_back({{n, gcm, false, true, size}, both});
    const unsigned typical = std::find(viewers.begin(), viewers.end(), 1000) != viewers.end() ? 1000 : viewers.front();
    plans.push_back({{typical, cm, false, true, size}, both});
    plans.push_back({{typical, gcm, false, false, size}, {Behind::ring}});
    plans.push_back({{typical, gcm, true, true, size}, {Behind::ring}});
    plans.push_back({{typical, gcm, true, false, size}, {Behind::ring}});
    plans.push_back({{typical, cm, true, false, size}, {Behind::ring}});
    return plans;
}

// Video to rooms of four sizes in both suites, and audio.
std::vector<Plan> fanout(const std::vector<unsigned>& viewers, std::size_t size, bool quick) {
    const std::vector<Behind> null{Behind::null};
    constexpr std::size_t audio = 120;
    std::vector<Plan> plans;
    for (const unsigned n : viewers) plans.push_back({{n, gcm, false, true, size}, null});
    const unsigned typical = std::find(viewers.begin(), viewers.end(), 1000) != viewers.end() ? 1000 : viewers.front();
    for (const unsigned n : viewers) {
        if (!quick || n == typical) plans.push_back({{n, cm, false, true, size}, null});
    }
    plans.push_back({{typical, gcm, false, true, audio}, null});
    plans.push_back({{typical, cm, false, true, audio}, null});
    if (srtp::best_backend() != srtp::Backend::ipsec_mb) {
        for (const auto suite : {gcm, cm})
            plans.push_back({{typical, suite, false, true, size, srtp::Backend::ipsec_mb}, null});
    }
    return plans;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App cli(
        "1 publisher to N viewers through the real worker, each viewer with its own SRTP key; OpenSSL and sendmmsg in "
        "the same run. Exit: 0, or 1 when the output was not what was published or a packet is missing unnamed.",
        "perf/run pipeline");
    bool json = false;
    bool is_quick = false;
    bool is_fanout = false;
    std::size_t size = 1200;
    std::vector<unsigned> viewers;
    unsigned rounds = 0;
    MeasureOptions options;
    cli.add_flag("--json", json, "a JSON object per row and line");
    cli.add_flag("--quick", is_quick, "each dimension once, shorter: under a minute");
    cli.add_flag("--fanout", is_fanout, "other rows: rooms of 100 to 50,000 viewers, video and audio");
    cli.add_option("--size", size, "RTP payload in bytes")->check(CLI::Range(24, 1200));
    cli.add_option("--viewers", viewers, "only these, separated by commas")->delimiter(',')->check(CLI::Range(1, 100'000));
    cli.add_option("--rounds", rounds, "turns of each contender, of 1 ms and a warming one")->check(CLI::Range(1, 100'000));
    cli.add_flag("--break-sample", options.break_sample, "flip a bit in the output: the run has to fail");
    CLI11_PARSE(cli, argc, argv);
    options.rounds = rounds != 0 ? rounds : is_quick ? 40 : 150;

    if (viewers.empty()) viewers = is_fanout ? std::vector<unsigned>{100, 1000, 10'000, 50'000} : all_viewers;

    RunInfo run;
    if (is_fanout) run.benchmark = "fanout";
    run.cpu = cpu_model();
    // Before the EAL starts threads: a namespace is a thread's.
    run.own_namespace = enter_network_namespace();
    const Eal eal = start_eal("pipeline", 128);
    run.core = eal.core;
    run.hugepages = eal.hugepages;
    run.empty_syscall_ns = empty_syscall_ns(TscClock::calibrate());

    if (!json) fmt::print("{}", heading(run));
    const std::vector<Plan> plans = is_fanout  ? fanout(viewers, size, is_quick)
                                    : is_quick ? quick(viewers, size)
                                               : full(viewers, size);
    for (const Plan& plan : plans) {
        Measurement measurement(plan.scene);
        if (auto checked = measurement.check_baseline(); !checked) {
            fmt::print(stderr, "pipeline: {}\n", checked.error());
            return 1;
        }
        for (const Behind behind : plan.ports) {
            const auto row = measurement.row(behind, options);
            if (!row) {
                fmt::print(stderr, "pipeline: {} viewers, {}: {}\n", plan.scene.viewers, srtp::to_string(plan.scene.suite),
                           row.error());
                return 1;
            }
            run.kernel_sink = measurement.kernel_sink();
            fmt::print("{}\n", json ? to_json(*row, run) : to_line(*row));
            std::fflush(stdout);
        }
    }
    if (!json) fmt::print("{}", legend());
    (void)rte_eal_cleanup();
    return 0;
}
