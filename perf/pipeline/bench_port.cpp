#include "perf/pipeline/bench_port.hpp"

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sluice::perf {
namespace {

// Transports that the worker's timers looked at: work that no RTP packet stands for.
std::uint64_t visits(const abi::WorkerBlock& counters) noexcept {
    return counters.stages[static_cast<std::size_t>(abi::Stage::timers)].packets;
}

}  // namespace

BenchPort::BenchPort(bool offload)
    : offload_(offload),
      ring_(rte_ring_create("bench_port", slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ)),
      ring_port_(nullptr, ring_) {
    if (ring_ != nullptr) return;
    fmt::print(stderr, "pipeline: no memory for a ring\n");
    std::exit(1);
}

BenchPort::~BenchPort() {
    drain();
    rte_ring_free(ring_);
}

std::uint16_t BenchPort::receive(rte_mbuf** frames, std::uint16_t) noexcept {
    if (next == nullptr) return 0;
    frames[0] = std::exchange(next, nullptr);
    return 1;
}

std::uint16_t BenchPort::transmit(rte_mbuf** frames, std::uint16_t count) noexcept {
    if (sample != nullptr) {
        for (std::uint16_t i = 0; i < count; ++i) {
            const auto* data = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
            sample->emplace_back(data, data + frames[i]->data_len);
        }
    }
    const std::uint16_t taken = take(frames, count);
    packets += taken;
    if (meter == nullptr) return taken;
    if (const std::uint64_t done = counters->rtp_out - seen_; done >= worth_a_sight) {
        seen_ += done;
        meter->sight(done, done);
    }
    return taken;
}

void BenchPort::resume() noexcept {
    seen_ = counters->rtp_out;
    seen_visits_ = visits(*counters);
    meter->resume();
}

void BenchPort::pause() noexcept {
    const std::uint64_t done = counters->rtp_out - seen_;
    const std::uint64_t visited = visits(*counters) - seen_visits_;
    if (visited != 0) return meter->sight(visited, done, 1);
    meter->sight(done, done);
}

std::uint16_t BenchPort::take(rte_mbuf** frames, std::uint16_t count) noexcept {
    if (behind == Behind::null) {
        rte_pktmbuf_free_bulk(frames, count);
        drained += count;
        return count;
    }
    const unsigned room = rte_ring_free_count(ring_);
    if (room < count) free_oldest(count - room);
    return ring_port_.transmit(frames, count);
}

void BenchPort::free_oldest(unsigned count) noexcept {
    rte_mbuf* done[64];
    while (count != 0) {
        const unsigned n = rte_ring_dequeue_burst(ring_, reinterpret_cast<void**>(done), count < 64 ? count : 64, nullptr);
        if (n == 0) return;
        rte_pktmbuf_free_bulk(done, n);
        drained += n;
        count -= n;
    }
}

void BenchPort::drain() noexcept {
    free_oldest(rte_ring_count(ring_));
}

}  // namespace sluice::perf
