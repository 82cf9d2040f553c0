// perf/run scenarios: LiveKit's published scenarios and many small rooms, in real time on one worker.

#include <fmt/format.h>
#include <pthread.h>
#include <rte_eal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "perf/lib/drops.hpp"
#include "perf/lib/machine.hpp"
#include "perf/lib/statistics.hpp"
#include "perf/scenarios/world.hpp"

namespace {

using namespace sluice;
using namespace sluice::perf;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t window_ns = second_ns / 10;
constexpr double busy_target = 0.15;

struct Result {
    const Scenario* scenario = nullptr;
    double seconds = 0;
    double in_per_s = 0, out_per_s = 0, out_gbps = 0;
    std::vector<double> busy;       // of each window
    double p50_us = 0, p99_us = 0;  // rx burst to tx burst, upper bounds: powers of two
    std::uint64_t reports = 0;
    std::uint64_t due = 0, left = 0, refused = 0;
    std::string losses;
    double behind_ms = 0;  // of the peers, at the worst
    double memory_mb = 0;

    [[nodiscard]] bool sound() const { return due == left && refused == 0; }
};

double resident_mb() {
    std::ifstream statm("/proc/self/statm");
    double total = 0, resident = 0;
    statm >> total >> resident;
    return resident * 4096 / 1e6;
}

double quantile_us(const std::vector<std::uint64_t>& histogram, double q) {
    std::uint64_t all = 0;
    for (const std::uint64_t n : histogram) all += n;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < histogram.size(); ++i) {
        seen += histogram[i];
        if (static_cast<double>(seen) >= q * static_cast<double>(all))
            return static_cast<double>(std::uint64_t{1} << i) / 1000;
    }
    return 0;
}

Result run(const Scenario& scenario, int seconds, unsigned core) {
    Result r;
    r.scenario = &scenario;
    r.seconds = seconds;
    const double before_mb = resident_mb();
    World world(scenario);
    r.memory_mb = resident_mb() - before_mb;
    const abi::WorkerBlock& c = world.counters();
    const TscClock& clock = world.clock();
    world.start(core);

    const std::int64_t began = clock.now_ns();
    std::int64_t last_step = began;
    const auto go_until = [&](std::int64_t end) {
        for (std::int64_t now = clock.now_ns(); now < end; now = clock.now_ns()) {
            r.behind_ms = std::max(r.behind_ms, static_cast<double>(now - last_step) / 1e6);
            last_step = now;
            world.step(now - began);
        }
    };
    go_until(began + second_ns);  // until caches, rings and histories are as they stay
    r.behind_ms = 0;
    std::vector<std::uint64_t> latency(c.latency_ns, c.latency_ns + abi::histogram_slots);
    const std::uint64_t sent = world.sent(), out = c.rtp_out, bytes = c.tx_bytes, reports = world.reports();
    const std::int64_t from = clock.now_ns();
    for (int window = 1; window <= seconds * 10; ++window) {
        const std::uint64_t busy = c.busy_cycles, total = c.total_cycles;
        go_until(from + window * window_ns);
        r.busy.push_back(static_cast<double>(c.busy_cycles - busy) / static_cast<double>(c.total_cycles - total));
    }
    const double took = static_cast<double>(clock.now_ns() - from) / 1e9;
    r.in_per_s = static_cast<double>(world.sent() - sent) / took;
    r.out_per_s = static_cast<double>(c.rtp_out - out) / took;
    r.out_gbps = static_cast<double>(c.tx_bytes - bytes) * 8 / took / 1e9;
    r.reports = world.reports() - reports;
    for (std::size_t i = 0; i < latency.size(); ++i) latency[i] = c.latency_ns[i] - latency[i];
    r.p50_us = quantile_us(latency, 0.5);
    r.p99_us = quantile_us(latency, 0.99);

    // What is under way arrives; then everything has left, or has a name.
    for (const std::int64_t end = clock.now_ns() + second_ns / 2; clock.now_ns() < end;) {
    }
    world.stop();
    r.due = world.due();
    r.left = c.rtp_out;
    r.refused = world.refused();
    r.losses = drops_of(c);
    return r;
}

std::string to_json(Result r, const std::string& cpu) {
    return fmt::format(
        R"({{"version":1,"benchmark":"scenarios","scenario":"{}","people":{},"sources":{},"legs":{},"in_packets_per_s":{:.0f},)"
        R"("out_packets_per_s":{:.0f},"out_gbps":{:.2f},"reports_per_s":{:.0f},"busy":{:.4f},"busy_max":{:.4f},"busy_target":{},)"
        R"("ns_per_out_packet":{:.1f},"latency_p50_us":{:.1f},"latency_p99_us":{:.1f},"due":{},"left":{},"refused":{},"drops":"{}",)"
        R"("peers_behind_ms":{:.1f},"memory_mb":{:.0f},"seconds":{:.0f},"cpu":"{}"}})",
        r.scenario->name, r.scenario->people(), r.scenario->rooms * r.scenario->publishers * r.scenario->sources_of_one(),
        r.scenario->people() * r.scenario->legs_of_one(), r.in_per_s, r.out_per_s, r.out_gbps,
        static_cast<double>(r.reports) / r.seconds, median(r.busy), *std::max_element(r.busy.begin(), r.busy.end()),
        busy_target, median(r.busy) * 1e9 / r.out_per_s, r.p50_us, r.p99_us, r.due, r.left, r.refused, r.losses, r.behind_ms,
        r.memory_mb, r.seconds, json_escaped(cpu));
}

std::string to_line(Result r) {
    std::string line = fmt::format(
        "{:<12} {:>6} {:>7.0f} k {:>8.0f} k {:>6.2f} | {:>5.1f} % {:>5.1f} % {:>7.0f} | {:>6.0f} {:>6.0f} | {:>7.0f} |",
        r.scenario->name, r.scenario->people(), r.in_per_s / 1000, r.out_per_s / 1000, r.out_gbps, median(r.busy) * 100,
        *std::max_element(r.busy.begin(), r.busy.end()) * 100, median(r.busy) * 1e9 / r.out_per_s, r.p50_us, r.p99_us,
        r.memory_mb);
    if (r.due != r.left) line += fmt::format(" {} of {} did not leave", r.due - r.left, r.due);
    if (r.refused != 0) line += fmt::format(" the rx ring was full {} times", r.refused);
    if (!r.losses.empty()) line += " " + r.losses;
    return line;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App cli(
        "LiveKit's published scenarios, and many small rooms, in real time on one worker. Exit: 0, or 1 when a packet "
        "that was due did not leave.",
        "perf/run scenarios");
    bool json = false, quick = false;
    int seconds = 0;
    unsigned rooms = 0;
    std::vector<std::string> only;
    cli.add_flag("--json", json, "a JSON object per scenario and line");
    cli.add_flag("--quick", quick, "2 s of each instead of 10");
    cli.add_option("--seconds", seconds, "of each")->check(CLI::Range(1, 3600));
    cli.add_option("--rooms", rooms, "of small_rooms, instead of 1,000")->check(CLI::Range(1, 4000));
    cli.add_option("--only", only, "these, separated by commas: livestream, audio, meeting, small_rooms")->delimiter(',');
    CLI11_PARSE(cli, argc, argv);
    if (seconds == 0) seconds = quick ? 2 : 10;

    const std::string cpu = cpu_model();
    const Eal eal = start_eal("scenarios", 256);
    // The worker has the core that the EAL chose; the peers go to the first.
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    (void)pthread_setaffinity_np(pthread_self(), sizeof first, &first);
    if (!json)
        fmt::print(
            "{}, worker on core {}, peers on core 0, {}\n{:<12} {:>6} {:>9} {:>10} {:>6} | {:>7} {:>7} {:>7} | {:>6} {:>6} "
            "| {:>7} |\n",
            cpu, eal.core, eal.hugepages ? "hugepages" : "4 KB pages", "scenario", "people", "in/s", "out/s", "Gbit/s",
            "busy", "worst", "ns/out", "p50 us", "p99 us", "MB");
    bool sound = true;
    for (Scenario s : scenarios) {
        if (s.rooms > 1 && rooms != 0) s.rooms = rooms;
        if (!only.empty() && std::find(only.begin(), only.end(), s.name) == only.end()) continue;
        const Result r = run(s, seconds, eal.core);
        fmt::print("{}\n", json ? to_json(r, cpu) : to_line(r));
        std::fflush(stdout);
        sound &= r.sound();
    }
    if (!json)
        fmt::print(
            "busy: the worker's cycles in iterations that had something to do, median and worst window of 100 ms; target "
            "{:.0f} %.\n"
            "p50, p99: from rx to tx burst, upper bounds. MB: what programming the scenario added to this process, keys and "
            "rings included.\n",
            busy_target * 100);
    (void)rte_eal_cleanup();
    return sound ? 0 : 1;
}
