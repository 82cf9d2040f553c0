#include "tools/sluicectl/snapshot.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace sluice::ctl {
namespace {

template <typename Slot>
Snapshot::Pool pool(const dpclient::SegmentView& view, std::uint32_t limit,
                    const Slot& (dpclient::SegmentView::*slot)(std::uint32_t) const noexcept) {
    Snapshot::Pool out{0, limit};
    for (std::uint32_t i = 0; i < limit; ++i) out.used += (view.*slot)(i).id.load(std::memory_order_relaxed) != 0;
    return out;
}

// The upper bound of the class in which the quantile lies: class i holds what needs i bits.
double quantile_us(std::span<const std::uint64_t> before, std::span<const std::uint64_t> after, double quantile) {
    std::uint64_t total = 0;
    const auto in_class = [&](std::size_t i) { return after[i] >= before[i] ? after[i] - before[i] : 0; };
    for (std::size_t i = 0; i < after.size(); ++i) total += in_class(i);
    if (total == 0) return 0;
    const auto wanted = static_cast<double>(total) * quantile;
    std::uint64_t seen = 0;
    std::size_t at = 0;
    for (; at + 1 < after.size(); ++at) {
        seen += in_class(at);
        if (static_cast<double>(seen) >= wanted) break;
    }
    return static_cast<double>(std::uint64_t{1} << at) / 1000;
}

std::string_view severity_name(abi::DropSeverity severity) {
    switch (severity) {
        case abi::DropSeverity::normal: return "normal";
        case abi::DropSeverity::notice: return "notice";
        case abi::DropSeverity::fault: return "fault";
    }
    return "unknown";
}

std::uint64_t drops_of(const abi::WorkerBlock& w) {
    std::uint64_t sum = 0;
    for (std::size_t r = 1; r < abi::drop_reason_slots; ++r) sum += w.drops[r];
    return sum;
}

WorkerRates worker_rates(const abi::WorkerBlock& a, const abi::WorkerBlock& b, double seconds) {
    const auto rate = [&](std::uint64_t abi::WorkerBlock::* field) { return per_second(a.*field, b.*field, seconds); };
    WorkerRates out;
    out.stalled = a.loops == b.loops;
    const auto cycles = b.total_cycles - a.total_cycles;
    if (b.total_cycles > a.total_cycles && b.busy_cycles >= a.busy_cycles) {
        out.busy = std::min(1.0, static_cast<double>(b.busy_cycles - a.busy_cycles) / static_cast<double>(cycles));
    }
    out.loops = rate(&abi::WorkerBlock::loops);
    out.rx_packets = rate(&abi::WorkerBlock::rx_packets);
    out.rx_bits = 8 * rate(&abi::WorkerBlock::rx_bytes);
    out.tx_packets = rate(&abi::WorkerBlock::tx_packets);
    out.tx_bits = 8 * rate(&abi::WorkerBlock::tx_bytes);
    out.rtp_in = rate(&abi::WorkerBlock::rtp_in);
    out.rtp_out = rate(&abi::WorkerBlock::rtp_out);
    out.rtx_out = rate(&abi::WorkerBlock::rtx_out);
    out.punted = rate(&abi::WorkerBlock::punted);
    out.handed_over = rate(&abi::WorkerBlock::handed_over);
    out.drops = per_second(drops_of(a), drops_of(b), seconds);
    out.latency_p50_us = quantile_us(a.latency_ns, b.latency_ns, 0.5);
    out.latency_p99_us = quantile_us(a.latency_ns, b.latency_ns, 0.99);
    out.loop_p99_us = quantile_us(a.loop_ns, b.loop_ns, 0.99);
    return out;
}

PortRates port_rates(const abi::PortBlock& a, const abi::PortBlock& b, double seconds) {
    const auto rate = [&](std::uint64_t abi::PortBlock::* field) { return per_second(a.*field, b.*field, seconds); };
    return {rate(&abi::PortBlock::rx_packets), 8 * rate(&abi::PortBlock::rx_bytes), rate(&abi::PortBlock::tx_packets),
            8 * rate(&abi::PortBlock::tx_bytes),
            rate(&abi::PortBlock::rx_missed) + rate(&abi::PortBlock::rx_errors) + rate(&abi::PortBlock::tx_errors) +
                rate(&abi::PortBlock::rx_nombuf)};
}

void add(WorkerRates& sum, const WorkerRates& w) {
    for (const auto field : {&WorkerRates::loops, &WorkerRates::rx_packets, &WorkerRates::rx_bits, &WorkerRates::tx_packets,
                             &WorkerRates::tx_bits, &WorkerRates::rtp_in, &WorkerRates::rtp_out, &WorkerRates::rtx_out,
                             &WorkerRates::punted, &WorkerRates::handed_over, &WorkerRates::drops, &WorkerRates::busy}) {
        sum.*field += w.*field;
    }
    sum.stalled |= w.stalled;
}

}  // namespace

double per_second(std::uint64_t before, std::uint64_t after, double seconds) noexcept {
    return seconds > 0 && after > before ? static_cast<double>(after - before) / seconds : 0;
}

Snapshot take(const dpclient::SegmentView& view, std::chrono::nanoseconds monotonic, std::int64_t unix_ns) {
    const abi::SegmentHeader& h = view.header();
    Snapshot s;
    s.taken = monotonic;
    s.unix_ns = unix_ns;
    s.boot_id = view.boot_id();
    s.abi = h.abi;
    s.pid = h.pid;
    s.start_unix_ns = h.start_unix_ns;
    s.heartbeat = view.heartbeat();
    s.segment_bytes = h.size;
    s.sealer.assign(h.sealer, ::strnlen(h.sealer, sizeof h.sealer));
    s.blobs = h.blobs;
    s.blob_bytes = h.blob_bytes;
    s.blob_budget = h.blob_budget;
    s.transports = pool(view, view.transport_slots(), &dpclient::SegmentView::transport_slot);
    s.sources = pool(view, view.source_slots(), &dpclient::SegmentView::source_slot);
    s.legs = pool(view, view.leg_slots(), &dpclient::SegmentView::leg_slot);
    for (std::uint32_t i = 0; i < view.workers(); ++i) s.workers.push_back(view.worker(i));
    for (std::uint32_t i = 0; i < view.ports(); ++i) s.ports.push_back(view.port(i));
    return s;
}

Rates rates_of(const Snapshot& before, const Snapshot& after) {
    Rates r;
    const double elapsed = std::chrono::duration<double>(after.taken - before.taken).count();
    r.known = elapsed > 0 && before.boot_id == after.boot_id && before.workers.size() == after.workers.size() &&
              before.ports.size() == after.ports.size();
    r.seconds = r.known ? elapsed : 0;
    r.stalled = r.known && before.heartbeat == after.heartbeat;
    const Snapshot& from = r.known ? before : after;
    for (std::size_t i = 0; i < after.workers.size(); ++i) {
        r.workers.push_back(worker_rates(from.workers[i], after.workers[i], r.seconds));
        r.workers.back().stalled &= r.known;
        add(r.total, r.workers.back());
    }
    if (!r.workers.empty()) r.total.busy /= static_cast<double>(r.workers.size());
    for (std::size_t i = 0; i < after.ports.size(); ++i)
        r.ports.push_back(port_rates(from.ports[i], after.ports[i], r.seconds));
    for (std::size_t reason = 1; reason < abi::drop_reason_slots; ++reason) {
        DropRate d;
        std::uint64_t earlier = 0;
        for (const auto& w : after.workers) d.count += w.drops[reason];
        for (const auto& w : from.workers) earlier += w.drops[reason];
        d.per_second = per_second(earlier, d.count, r.seconds);
        if (reason < abi::drop_reason_count) {
            const abi::DropReasonInfo& info = abi::drop_reasons[reason];
            d.name = info.name;
            d.severity = severity_name(info.severity);
            d.help = info.help;
        } else if (d.count != 0) {
            d.name = "reason_" + std::to_string(reason);
            d.severity = "unknown";
            d.help = "a reason of a data plane that is newer than this sluicectl";
        } else {
            continue;
        }
        r.drops.push_back(std::move(d));
    }
    return r;
}

}  // namespace sluice::ctl
