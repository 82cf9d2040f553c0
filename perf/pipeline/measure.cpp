#include "perf/pipeline/measure.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "perf/lib/statistics.hpp"

namespace sluice::perf {
namespace {

// The warming one, and one that counts.
constexpr std::size_t slices_a_turn = 2;
// Buffers in rotation: with nothing behind the port a tx batch and the batch that is being sealed.
constexpr std::size_t swallowed_buffers = 64 + 32;
constexpr std::size_t ring_buffers = BenchPort::slots + swallowed_buffers;

Figure figure_of(const SliceMeter& meter, const TscClock& clock) {
    std::vector<double> ticks;
    for (const Slice& s : meter.clean()) ticks.push_back(s.ticks);
    const double cycles = median(ticks);
    return {cycles * 1e9 / static_cast<double>(clock.hz()), cycles, meter.slices(), meter.dropped(), meter.tainted()};
}

// Pairs of the last clean slices of one round.
class Pairs {
public:
    void add(const SliceMeter& ours, const SliceMeter& theirs) {
        if (ours.turn().empty() || theirs.turn().empty()) return;
        ratios_.push_back(theirs.turn().back().ticks / ours.turn().back().ticks);
    }
    [[nodiscard]] double ratio() { return median(ratios_); }

private:
    std::vector<double> ratios_;
};

using Drops = std::array<std::uint64_t, abi::drop_reason_count>;
Drops drops_of(const abi::WorkerBlock& counters) {
    Drops drops;
    for (std::size_t i = 0; i < drops.size(); ++i) drops[i] = counters.drops[i];
    return drops;
}

// Whether a drop of this name costs one viewer one packet; any other costs all of them.
bool of_one_viewer(std::string_view name) {
    return name.starts_with("tx_") || name.starts_with("leg_");
}

}  // namespace

Measurement::Measurement(const SceneSpec& spec)
    : port_(spec.offload), scene_(spec, port_), cipher_(spec, ring_buffers), kernel_(spec), check_(spec) {
    port_.counters = &scene_.counters();
}

std::expected<void, std::string> Measurement::check_baseline() {
    for (const bool gso : {false, true}) {
        if (auto checked = kernel_.check(gso); !checked) return std::unexpected("the kernel baseline: " + checked.error());
    }
    return {};
}

void Measurement::iterate() {
    port_.next = scene_.publish();
    if (port_.meter != nullptr) port_.resume();
    // The worker goes back to its rx queue after a few hundred legs.
    while (scene_.worker().iterate()) {
    }
    if (port_.meter != nullptr) port_.pause();
}

void Measurement::pipeline_turn(SliceMeter& meter) {
    port_.meter = &meter;
    meter.begin_turn();
    while (meter.closed() < slices_a_turn) iterate();
    port_.meter = nullptr;
}

std::expected<void, std::string> Measurement::sample(bool broken) {
    std::vector<BenchPort::Frame> frames;
    port_.sample = &frames;
    iterate();
    port_.sample = nullptr;
    // The middle of the payload of every frame: no header check can be what notices.
    if (broken) {
        for (auto& frame : frames) frame[frame.size() / 2] ^= 1;
    }
    return check_.check(frames, scene_.published(), scene_.spec().offload);
}

std::expected<Row, std::string> Measurement::row(Behind behind, const MeasureOptions& options) {
    port_.behind = behind;
    cipher_.set_buffers(behind == Behind::null ? swallowed_buffers : ring_buffers);
    const abi::WorkerBlock& counters = scene_.counters();
    const TscClock& clock = scene_.clock();
    const Drops drops_before = drops_of(counters);
    const std::uint64_t rtp_before = counters.rtp_out;
    const std::uint64_t published_before = scene_.published_packets();
    const std::uint64_t opened_before = check_.opened();

    if (auto checked = sample(options.break_sample); !checked) return std::unexpected(checked.error());
    SliceMeter pipeline(clock), cipher(clock), kernel(clock), gso(clock);
    Pairs kernel_pairs, gso_pairs;
    for (unsigned round = 0; round < options.rounds; ++round) {
        pipeline_turn(pipeline);
        kernel_.turn(kernel, false, slices_a_turn);
        kernel_pairs.add(pipeline, kernel);
        cipher_.turn(cipher, slices_a_turn);
        kernel_.turn(gso, true, slices_a_turn);
        gso_pairs.add(pipeline, gso);
        scene_.turn();
        if (round == options.rounds / 2) {
            if (auto checked = sample(false); !checked) return std::unexpected(checked.error());
        }
    }
    if (auto checked = sample(false); !checked) return std::unexpected(checked.error());

    Row row;
    row.scene = scene_.spec();
    row.behind = behind;
    row.pipeline = figure_of(pipeline, clock);
    row.cipher = figure_of(cipher, clock);
    row.kernel = figure_of(kernel, clock);
    row.kernel_gso = figure_of(gso, clock);
    std::vector<double> evp;
    for (const Slice& s : kernel.clean()) evp.push_back(s.by_kind[KernelBaseline::sealing]);
    row.evp_ns = median(evp) * 1e9 / static_cast<double>(clock.hz());
    row.ratio = kernel_pairs.ratio();
    row.ratio_gso = gso_pairs.ratio();
    row.samples = check_.opened() - opened_before;
    row.frame_bytes = static_cast<double>(check_.frame_bytes());

    // Every packet of the publisher has left once for every viewer, or has a name.
    port_.drain();
    if (port_.packets != port_.drained) {
        return std::unexpected(fmt::format("the port took {} frames and {} came out", port_.packets, port_.drained));
    }
    const std::uint64_t due = (scene_.published_packets() - published_before) * scene_.spec().viewers;
    row.lost = due - (counters.rtp_out - rtp_before);
    const Drops drops = drops_of(counters);
    std::uint64_t explained = 0;
    for (std::size_t i = 0; i < drops.size(); ++i) {
        const std::uint64_t n = drops[i] - drops_before[i];
        if (n == 0) continue;
        const std::string_view name = abi::drop_reasons[i].name;
        row.losses += fmt::format("{}{} {}", row.losses.empty() ? "" : ", ", name, n);
        explained += of_one_viewer(name) ? n : n * scene_.spec().viewers;
        // These were counted as sent before the port refused them.
        if (static_cast<abi::DropReason>(i) == abi::DropReason::tx_ring_full) row.lost += n;
    }
    if (row.lost > explained) {
        return std::unexpected(fmt::format("{} packets are missing, and drops with a name explain {}", row.lost, explained));
    }
    if (row.samples == 0) return std::unexpected(std::string("no packet was checked"));
    return row;
}

}  // namespace sluice::perf
