#include "controlplane/room/meters.hpp"

#include <algorithm>

namespace sluice::room {
namespace {

double rate(std::uint64_t now, std::uint64_t before, double seconds) noexcept {
    return now >= before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

}  // namespace

void Meters::sample(const dpclient::SegmentView* segment, const std::vector<abi::SourceId>& sources, std::int64_t now_ns) {
    if (segment == nullptr) return;
    if (segment->boot_id() != boot_id_) {
        boot_id_ = segment->boot_id();
        counters_.clear();
        sources_.clear();
    }
    const bool first = counters_.empty();
    const double seconds = first ? 0 : static_cast<double>(now_ns - sampled_ns_) / 1e9;
    sampled_ns_ = now_ns;
    counters_.resize(segment->workers());
    workers_.assign(segment->workers(), {});
    for (std::uint32_t i = 0; i < segment->workers(); ++i) {
        const abi::WorkerBlock& block = segment->worker(i);
        const WorkerCounters now{block.busy_cycles, block.total_cycles, block.tx_packets, block.tx_bytes, block.rx_packets};
        WorkerCounters& before = counters_[i];
        const double cycles = rate(now.total, before.total, seconds);
        workers_[i].busy = cycles > 0 ? std::min(1.0, rate(now.busy, before.busy, seconds) / cycles) : 0;
        workers_[i].packets_out_per_s = rate(now.tx_packets, before.tx_packets, seconds);
        workers_[i].bits_out_per_s = 8 * rate(now.tx_bytes, before.tx_bytes, seconds);
        workers_[i].packets_in_per_s = rate(now.rx_packets, before.rx_packets, seconds);
        before = now;
    }

    std::map<abi::SourceId, SourceEntry> next;
    for (const abi::SourceId id : sources) {
        const auto found = sources_.find(id);
        SourceEntry entry = found == sources_.end() ? SourceEntry{} : found->second;
        abi::SourceSlot slot;
        if (segment->read(id, slot)) {
            entry.rate.bps = entry.known ? 8 * rate(slot.bytes, entry.bytes, seconds) : 0;
            entry.rate.packets_per_s = entry.known ? rate(slot.packets, entry.packets, seconds) : 0;
            entry.packets = entry.rate.packets = slot.packets;
            entry.bytes = entry.rate.bytes = slot.bytes;
            entry.rate.lost = slot.lost;
            entry.rate.keyframes = slot.keyframes;
            entry.rate.width = slot.width;
            entry.rate.height = slot.height;
            entry.known = true;
        }
        next.emplace(id, entry);
    }
    sources_ = std::move(next);
}

SourceRate Meters::source(abi::SourceId id) const {
    const auto found = sources_.find(id);
    return found == sources_.end() ? SourceRate{} : found->second.rate;
}

double Meters::egress_bps() const noexcept {
    double sum = 0;
    for (const WorkerRate& w : workers_) sum += w.bits_out_per_s;
    return sum;
}

double Meters::egress_packets_per_s() const noexcept {
    double sum = 0;
    for (const WorkerRate& w : workers_) sum += w.packets_out_per_s;
    return sum;
}

double Meters::most_busy() const noexcept {
    double most = 0;
    for (const WorkerRate& w : workers_) most = std::max(most, w.busy);
    return most;
}

double Meters::least_busy() const noexcept {
    double least = workers_.empty() ? 0 : 1;
    for (const WorkerRate& w : workers_) least = std::min(least, w.busy);
    return least;
}

}  // namespace sluice::room
