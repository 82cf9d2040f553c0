// One stage of the data plane's work on a packet as a Google Benchmark that also reads the TSC and does not believe itself:
// the work says each time whether it did what it should, and a stage that once did not is an error of the whole run.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/tsc_clock.hpp"
#include "perf/lib/statistics.hpp"

namespace sluice::perf {

using Bytes = std::vector<std::uint8_t>;

// Of a media packet, in bytes: what the design reckons with.
inline constexpr std::size_t payload_size = 1200;

// How long a window is, and what the runner is told of it: rough on purpose, the report uses the calibrated clock.
inline constexpr double nominal_hz = 2.5e9;
inline constexpr std::uint64_t window_ticks = 25'000;
inline constexpr std::size_t max_calls = 1 << 16;

struct Per {
    std::size_t items = 1;  // packets, or what else the stage counts, of one call
    std::size_t bytes = 0;  // of one item; 0 where the size does not matter
};

// `make` returns the work: a callable that owns its inputs and returns whether it succeeded. It is timed in windows of about
// 10 us; the figure is the median window, so that one in which somebody else had the core is an outlier like any other.
template <typename Make>
void stage(const std::string& name, Per per, Make make) {
    benchmark::RegisterBenchmark(name.c_str(), [per, make](benchmark::State& state) {
        auto work = make();
        bool good = work();
        const auto window = [&](std::size_t calls) {
            const std::uint64_t start = TscClock::ticks();
            for (std::size_t i = 0; i < calls; ++i) {
                good &= work();
                benchmark::DoNotOptimize(good);
                benchmark::ClobberMemory();
            }
            return TscClock::ticks() - start;
        };
        std::size_t calls = 1;
        while (std::min({window(calls), window(calls), window(calls)}) < window_ticks && calls < max_calls) calls *= 2;
        std::vector<double> windows;
        windows.reserve(1 << 16);
        for (auto _ : state) {
            const auto ticks = static_cast<double>(window(calls));
            state.SetIterationTime(ticks / nominal_hz);
            if (windows.size() < windows.capacity()) windows.push_back(ticks);
        }
        if (!good) state.SkipWithError("the stage did not do its work");
        state.counters["cycles"] = median(windows) / (static_cast<double>(calls) * static_cast<double>(per.items));
        state.counters["bytes"] = static_cast<double>(per.bytes);
    })->UseManualTime();
}

// In the order in which a packet meets the stages.
void add_frame_stages();  // Ethernet, IP, UDP, checksums, demux, flow table
void add_stun_stages();
void add_srtp_stages();  // open, replay window, seal
void add_rtp_stages();   // parse, extensions, frame borders, rewriting, headers
void add_rtcp_stages();
void add_repair_stages();  // statistics, NACK both ways, RTX, history
void add_ring_stages();

}  // namespace sluice::perf
