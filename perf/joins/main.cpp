// perf/run joins: what a flash crowd costs the control plane. See crowd.hpp for what is real and what is fake.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>

#include "perf/joins/crowd.hpp"

namespace {

double percentile(std::vector<double> values, double p) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, static_cast<std::size_t>(p * static_cast<double>(values.size())))];
}

std::size_t messages(const sluice::perf::Wave& wave) {
    std::size_t sum = 0;
    for (const auto& [type, count] : wave.messages) sum += count;
    return sum;
}

void print(const sluice::perf::Wave& w, double kb, std::size_t sessions, bool json) {
    const double each = static_cast<double>(std::max<std::size_t>(1, w.connected));
    const double per_join = static_cast<double>(messages(w)) / each;
    if (json)
        fmt::print(
            "{{\"suite\":\"joins\",\"joins\":{},\"connected\":{},\"refused\":{},\"seconds\":{:.3f},"
            "\"cpu_us_per_join\":{:.1f},\"joins_per_s_per_core\":{:.0f},\"join_ms_p50\":{:.1f},\"join_ms_p99\":{:.1f},"
            "\"join_ms_max\":{:.1f},\"messages_per_join\":{:.2f},\"keyframe_requests\":{},\"sessions\":{},"
            "\"kb_per_session\":{:.1f}}}\n",
            w.asked, w.connected, w.refused, w.seconds, w.cpu_us, 1e6 / w.cpu_us, percentile(w.join_ms, 0.5),
            percentile(w.join_ms, 0.99), percentile(w.join_ms, 1), per_join, w.keyframe_requests, sessions, kb);
    else
        fmt::print("{:>6} {:>9} {:>7} {:>7.2f} {:>11.1f} {:>12.0f} {:>8.1f} {:>8.1f} {:>8.1f} {:>9.2f} {:>9} {:>9.1f}\n",
                   w.asked, w.connected, w.refused, w.seconds, w.cpu_us, 1e6 / w.cpu_us, percentile(w.join_ms, 0.5),
                   percentile(w.join_ms, 0.99), percentile(w.join_ms, 1), per_join, w.keyframe_requests, kb);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    sluice::perf::CrowdOptions options{.program = SLUICE_CONTROLPLANE, .offers = SLUICE_SDP_GOLDEN};
    CLI::App cli{"A flash crowd: the control plane's cost of a join", "joins_bench"};
    std::vector<std::size_t> waves{1000, 1000, 1000};
    double per_second = 1000, settle = 6;
    bool json = false, quick = false;
    cli.add_option("--waves", waves, "viewers of each wave; those of the waves before stay")->delimiter(',');
    cli.add_option("--rate", per_second, "POSTs per second; 0: all at once");
    cli.add_option("--settle", settle, "seconds before memory is read");
    cli.add_option("--program", options.program, "another sluice-controlplane");
    cli.add_option("--log-level", options.log_level, "of the control plane");
    cli.add_flag("--json", json);
    cli.add_flag("--quick", quick, "two waves of 300");
    CLI11_PARSE(cli, argc, argv);
    if (quick) waves = {300, 300};
    std::size_t all = 0;
    for (const std::size_t wave : waves) all += wave;
    options.sessions = static_cast<std::uint32_t>(all + 100);
    try {
        sluice::perf::Crowd crowd(options);
        crowd.start();
        const std::size_t empty_kb = crowd.memory_kb();
        if (!json)
            fmt::print(
                "control plane with one publisher: {} kB\n{:>6} {:>9} {:>7} {:>7} {:>11} {:>12} {:>8} {:>8} {:>8} {:>9} "
                "{:>9} {:>9}\n",
                empty_kb, "joins", "connected", "refused", "s", "cpu us/join", "joins/s/core", "p50 ms", "p99 ms", "max ms",
                "msgs/join", "keyframes", "kB/sess.");
        std::size_t sessions = 0;
        bool whole = true;
        for (const std::size_t wave : waves) {
            const auto result = crowd.join(wave, per_second);
            sessions += result.connected;
            crowd.rest(settle);
            print(
                result,
                static_cast<double>(crowd.memory_kb() - empty_kb) / static_cast<double>(std::max<std::size_t>(1, sessions)),
                sessions, json);
            whole &= result.connected == wave;
        }
        if (!whole) fmt::print(stderr, "not all joined; the last refusal: {}\n", crowd.last_refusal());
        return whole ? 0 : 1;
    } catch (const std::exception& e) {
        fmt::print(stderr, "joins_bench: {}\n", e.what());
        return 1;
    }
}
