// The port of the pipeline benchmark: it hands the publisher's frame to the worker, counts what leaves, copies a sample of
// it when asked to, and lets the meter see every burst. What is behind it may be exchanged between two measurements:
//   null: a frame is free as soon as it is sent, as with DPDK's net_null.
//   ring: an rte_ring of 512 slots, as a NIC's descriptor ring: what was sent is freed when the ring needs the room, so 512
//         buffers are in flight and the working set is a NIC's. The wire behind it is never the bottleneck.
// Neither rings a doorbell or crosses PCIe.
//
// Thread: the one that drives the worker.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/abi/state_segment.hpp"
#include "dataplane/port/ring_port.hpp"
#include "perf/lib/slices.hpp"

struct rte_ring;

namespace sluice::perf {

enum class Behind : std::uint8_t { null, ring };
[[nodiscard]] constexpr std::string_view to_string(Behind behind) noexcept {
    return behind == Behind::null ? "null" : "ring";
}

class BenchPort final : public port::PortIo {
public:
    static constexpr unsigned slots = 512;
    using Frame = std::vector<std::uint8_t>;

    explicit BenchPort(bool offload);
    ~BenchPort() override;
    BenchPort(const BenchPort&) = delete;
    BenchPort& operator=(const BenchPort&) = delete;

    std::uint16_t receive(rte_mbuf** frames, std::uint16_t capacity) noexcept override;
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override;
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return offload_; }

    // Frees what is still in the ring.
    void drain() noexcept;
    // Around a measured stretch.
    void resume() noexcept;
    void pause() noexcept;

    Behind behind = Behind::null;
    rte_mbuf* next = nullptr;  // what receive() gives
    SliceMeter* meter = nullptr;
    const abi::WorkerBlock* counters = nullptr;  // the worker's own: what the meter is told was done
    std::vector<Frame>* sample = nullptr;        // where copies go
    std::uint64_t packets = 0;                   // frames taken
    std::uint64_t drained = 0;                   // frames that left for good; equals `packets` after drain()

private:
    std::uint16_t take(rte_mbuf** frames, std::uint16_t count) noexcept;
    void free_oldest(unsigned count) noexcept;

    // Smaller bursts are seen by pause(): a reading of the TSC per packet would be measured too.
    static constexpr std::uint64_t worth_a_sight = 32;

    bool offload_;
    rte_ring* ring_;
    port::RingPort ring_port_;
    std::uint64_t seen_ = 0;
    std::uint64_t seen_visits_ = 0;
};

}  // namespace sluice::perf
