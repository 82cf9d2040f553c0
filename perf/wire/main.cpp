// perf/run wire: what happens to packets between the rx queue and a wire of finite speed: whether each is accounted for near
// capacity, how long they take at 70 % of it, and when the last of ten thousand viewers has a packet.

#include <fmt/format.h>
#include <rte_eal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "perf/lib/drops.hpp"
#include "perf/lib/machine.hpp"
#include "perf/lib/statistics.hpp"
#include "perf/wire/latencies.hpp"
#include "perf/wire/wire_port.hpp"

namespace {

using namespace sluice;
using namespace sluice::perf;

constexpr double ns_per_s = 1e9;
constexpr double gap_ns = 20'000;

struct Bench {
    Bench(const SceneSpec& spec, double gbps)
        : clock(TscClock::calibrate()), port(spec, gbps, clock), scene(spec, port), hz(static_cast<double>(clock.hz())) {
        port.connect(scene);
    }
    [[nodiscard]] unsigned viewers() const { return scene.spec().viewers; }
    [[nodiscard]] std::uint64_t after(double seconds) const {
        return TscClock::ticks() + static_cast<std::uint64_t>(seconds * hz);
    }
    // Drives the worker until then; main has its turn every 10 ms, `each_ms` is called every millisecond.
    template <typename EachMs>
    void run_until(std::uint64_t end, EachMs&& each_ms) {
        const auto ms = static_cast<std::uint64_t>(hz / 1000);
        std::uint64_t next = TscClock::ticks() + ms;
        int count = 0;
        for (std::uint64_t now = TscClock::ticks(); now < end; now = TscClock::ticks()) {
            (void)scene.worker().iterate();
            if (now < next) continue;
            each_ms();
            next = now + ms;
            if (++count % 10 != 0) continue;
            scene.turn();
            port.not_the_workers();
        }
    }
    void run_until(std::uint64_t end) {
        run_until(end, [] {});
    }
    // Frames a second that leave when there is always another packet.
    double capacity(double seconds) {
        port.schedule(0, false);
        run_until(after(0.2));
        std::vector<double> rates;
        for (int i = 0; i < 9; ++i) {
            const std::uint64_t before = port.taken(), from = TscClock::ticks();
            run_until(after(seconds / 9));
            rates.push_back(static_cast<double>(port.taken() - before) * hz / static_cast<double>(TscClock::ticks() - from));
        }
        drain();
        return median(rates);
    }
    // Until everything has left that is under way.
    void drain() {
        port.schedule(-1, false);
        run_until(after(0.05));
    }

    TscClock clock;
    WirePort port;
    Scene scene;
    double hz;
};

struct Options {
    bool json = false;
    bool quick = false;
    double seconds = 60;
};

// Shown 7: what arrived has left once for each viewer, in order, or has a name.
bool account(const Options& options, double gbps, const std::string& cpu) {
    Bench b({.viewers = 1000}, gbps);
    const double capacity = b.capacity(options.quick ? 0.5 : 3);
    const std::uint64_t arrived = b.port.arrived(), taken = b.port.taken(), refused = b.port.refused();
    const double offered = 0.9 * capacity;
    b.port.schedule(b.hz * b.viewers() / offered, false);
    const std::uint64_t from = TscClock::ticks();
    double shown = 0;
    b.run_until(b.after(options.seconds), [&] {
        const double done = static_cast<double>(TscClock::ticks() - from) / b.hz;
        if (options.json || isatty(STDERR_FILENO) == 0 || done - shown < 1) return;
        shown = done;
        fmt::print(stderr, "\r{:.0f} of {:.0f} s ", done, options.seconds);
    });
    if (shown != 0) fmt::print(stderr, "\r{:20}\r", "");
    const double took = static_cast<double>(TscClock::ticks() - from) / b.hz;
    const double left = static_cast<double>(b.port.taken() - taken) / took;
    const std::uint64_t packets = b.port.arrived() - arrived;
    b.drain();
    const std::uint64_t due = b.port.arrived() * b.viewers();
    std::uint64_t got = 0, fewest = ~std::uint64_t{0};
    for (const std::uint64_t n : b.port.by_viewer()) {
        got += n;
        fewest = std::min(fewest, n);
    }
    const abi::WorkerBlock& counters = b.scene.counters();
    const std::string drops = drops_of(counters);
    const bool sound = got == due && fewest == b.port.arrived() && b.port.out_of_order() == 0 &&
                       counters.rtp_in == b.port.arrived() && counters.rtp_out == due;
    if (options.json) {
        fmt::print(
            R"({{"version":1,"benchmark":"wire","test":"accounting","wire_gbps":{},"viewers":{},"capacity_mpps":{:.3f},"offered_mpps":{:.3f},)"
            R"("left_mpps":{:.3f},"seconds":{:.1f},"packets_in":{},"due":{},"left":{},"fewest_of_a_viewer":{},"out_of_order":{},"missed":{},)"
            R"("drops":"{}","port_full":{},"queue_deepest":{},"sound":{},"cpu":"{}"}})"
            "\n",
            gbps, b.viewers(), capacity / 1e6, offered / 1e6, left / 1e6, took, packets, due, got, fewest,
            b.port.out_of_order(), b.port.missed(), drops, b.port.refused() - refused, b.port.deepest(), sound,
            json_escaped(cpu));
    } else {
        fmt::print(
            "{:>4.0f}G wire, queue of {}: capacity {:.2f} Mpps, {:.2f} offered for {:.0f} s: {} packets x {} viewers = {} "
            "due, {} left, "
            "{} out of order, {} missed; drops: {}; the queue was full to {} of {}\n",
            gbps, WirePort::tx_slots, capacity / 1e6, offered / 1e6, took, b.port.arrived(), b.viewers(), due, got,
            b.port.out_of_order(), b.port.missed(), drops.empty() ? "none" : drops, b.port.deepest(), WirePort::tx_slots);
    }
    return sound;
}

// Shown 4: packets that come at random times, at 70 % of capacity, from publishers with few viewers each.
bool latency(const Options& options, unsigned viewers, const std::string& cpu) {
    constexpr double load = 0.7;
    Bench b({.viewers = viewers, .publishers = 1000 / viewers}, 100);
    const double capacity = b.capacity(options.quick ? 0.5 : 2);
    Latencies latencies(b.hz / ns_per_s), waits(b.hz / ns_per_s);
    b.port.schedule(b.hz * b.viewers() / (load * capacity), true);
    b.run_until(b.after(0.1));
    (void)b.port.longest_gap();
    b.port.on_frame = [&](std::uint64_t since_due, std::uint64_t since_rx) {
        latencies.add(since_rx);
        waits.add(since_due);
    };
    const auto gap_ticks = static_cast<std::uint64_t>(gap_ns * b.hz / ns_per_s);
    b.run_until(b.after(options.quick ? 1 : 10), [&] {
        const bool gap = b.port.longest_gap() > gap_ticks, idle = b.port.idle();
        latencies.end_stretch(gap, idle);
        waits.end_stretch(gap, idle);
    });
    b.port.on_frame = nullptr;
    b.drain();
    const bool sound = b.port.out_of_order() == 0 && latencies.raw() != 0;
    const double ideal = ideal_us(1e6 * b.viewers() / capacity, load, b.viewers(), 0.99);
    const bool tainted = latencies.clean_stretches() * 10 < latencies.stretches();
    if (options.json) {
        fmt::print(
            R"({{"version":1,"benchmark":"wire","test":"latency","viewers":{},"publishers":{},"load":{},"capacity_mpps":{:.3f},)"
            R"("p50_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},"waited_p50_us":{:.1f},"waited_p99_us":{:.1f},"ideal_waited_p99_us":{:.1f},"raw_p50_us":{:.1f},"raw_p99_us":{:.1f},"raw_p999_us":{:.1f},)"
            R"("frames":{},"clean_frames":{},"tainted":{},"sound":{},"p99_target_us":20,"p999_target_us":50,"cpu":"{}"}})"
            "\n",
            b.viewers(), b.scene.spec().publishers, load, capacity / 1e6, latencies.clean_us(0.5), latencies.clean_us(0.99),
            latencies.clean_us(0.999), waits.clean_us(0.5), waits.clean_us(0.99), ideal, latencies.raw_us(0.5),
            latencies.raw_us(0.99), latencies.raw_us(0.999), latencies.raw(), latencies.clean(), tainted, sound,
            json_escaped(cpu));
    } else {
        fmt::print(
            "latency at {:.0f} % of {:.2f} Mpps, {} publishers x {} viewers, rx to tx: p50 {:.1f} us, p99 {:.1f} us (target "
            "20), p99.9 "
            "{:.1f} us (target 50); with the wait for rx: {:.1f}, {:.1f} us (an ideal server: p99 {:.1f}); raw, preemption "
            "included: {:.1f}, {:.1f}, {:.1f} us{}\n",
            load * 100, capacity / 1e6, b.scene.spec().publishers, b.viewers(), latencies.clean_us(0.5),
            latencies.clean_us(0.99), latencies.clean_us(0.999), waits.clean_us(0.5), waits.clean_us(0.99), ideal,
            latencies.raw_us(0.5), latencies.raw_us(0.99), latencies.raw_us(0.999),
            tainted ? fmt::format("; tainted: {} of {} ms undisturbed", latencies.clean_stretches(), latencies.stretches())
                    : "");
    }
    return sound;
}

// Shown 4: when one packet has reached the last of ten thousand viewers.
bool last_viewer(const Options& options, const std::string& cpu) {
    Bench b({.viewers = 10'000}, 100);
    const double capacity = b.capacity(options.quick ? 0.5 : 2);
    const auto gap_ticks = static_cast<std::uint64_t>(gap_ns * b.hz / ns_per_s);
    std::vector<double> took;
    std::size_t tries = 0;
    bool sound = b.port.out_of_order() == 0;
    // Rounds beside rounds of saturation, so that both see the same machine.
    std::vector<double> costs;
    for (; tries < (options.quick ? 60U : 300U); ++tries) {
        b.port.arrive_once();
        (void)b.port.longest_gap();
        const std::uint64_t end = b.after(1);
        do {
            (void)b.scene.worker().iterate();
        } while (b.port.last_arrival().left < b.viewers() && TscClock::ticks() < end);
        const Arrival& a = b.port.last_arrival();
        sound &= a.left == b.viewers();
        if (b.port.longest_gap() <= gap_ticks && a.left == b.viewers())
            took.push_back(static_cast<double>(a.last_tsc - a.tsc) / b.hz * 1e6);
        if (tries % 20 == 0) {
            costs.push_back(1e6 / b.capacity(0.02));
            b.run_until(b.after(0.002));
        }
    }
    const double clean = static_cast<double>(took.size());
    const double last_us = median(took);
    const double wire_us = static_cast<double>(b.port.bytes()) / static_cast<double>(b.port.taken()) * b.viewers();
    const double model_wire_us = (wire_us + 24.0 * b.viewers()) * 8 / 100e9 * 1e6;
    const double model_cost_us = median(costs) * b.viewers();
    const double model_us = std::max(model_wire_us, model_cost_us);
    const bool tainted = clean < 0.25 * static_cast<double>(tries);
    if (options.json) {
        fmt::print(
            R"({{"version":1,"benchmark":"wire","test":"last_viewer","viewers":{},"last_us":{:.1f},"wire_model_us":{:.1f},)"
            R"("cost_model_us":{:.1f},"ratio":{:.3f},"target":1.1,"tries":{},"undisturbed":{},"tainted":{},"sound":{},"cpu":"{}"}})"
            "\n",
            b.viewers(), last_us, model_wire_us, model_cost_us, last_us / model_us, tries, took.size(), tainted, sound,
            json_escaped(cpu));
    } else {
        fmt::print(
            "the last of {} viewers has a packet after {:.0f} us: {:.2f} times the larger of wire ({:.0f} us at 100G) and "
            "work "
            "({:.0f} us at {:.2f} Mpps); target 1.1{}\n",
            b.viewers(), last_us, last_us / model_us, model_wire_us, model_cost_us, capacity / 1e6,
            tainted ? fmt::format("; tainted: {} of {} undisturbed", took.size(), tries) : "");
    }
    return sound;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App cli(
        "Packets between the rx queue and a wire of finite speed, through the real worker: whether each is accounted for at "
        "90 % "
        "of capacity, how long they take at 70 %, and when the last of 10,000 viewers has one. Exit: 0, or 1 when a packet "
        "is "
        "missing, late in its order, or unnamed.",
        "perf/run wire");
    Options options;
    double seconds = 0;
    std::vector<std::string> only;
    cli.add_flag("--json", options.json, "a JSON object per test and line");
    cli.add_flag("--quick", options.quick, "2 s of each accounting instead of 60");
    cli.add_option("--seconds", seconds, "of each accounting")->check(CLI::Range(0.1, 3600.0));
    cli.add_option("--only", only, "these, separated by commas: accounting, latency, last_viewer")
        ->delimiter(',')
        ->check(CLI::IsMember({"accounting", "latency", "last_viewer"}));
    CLI11_PARSE(cli, argc, argv);
    options.seconds = seconds != 0 ? seconds : options.quick ? 2 : 60;
    const std::string cpu = cpu_model();
    // A hundred publishers' histories are most of it.
    const Eal eal = start_eal("wire", 448);
    if (!options.json) fmt::print("{}, core {}, {}\n", cpu, eal.core, eal.hugepages ? "hugepages" : "4 KB pages");
    const auto wanted = [&](const char* test) {
        return only.empty() || std::find(only.begin(), only.end(), test) != only.end();
    };
    bool sound = true;
    if (wanted("latency")) {
        for (const unsigned viewers : {10U, 50U}) sound &= latency(options, viewers, cpu);
    }
    if (wanted("last_viewer")) sound &= last_viewer(options, cpu);
    if (wanted("accounting")) {
        for (const double gbps : {10.0, 100.0}) sound &= account(options, gbps, cpu);
    }
    (void)rte_eal_cleanup();
    return sound ? 0 : 1;
}
