// A copy of the counters of a state segment at one moment, and what two of them say per second.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/dpclient/segment_view.hpp"
#include "dataplane/abi/state_segment.hpp"

namespace sluice::ctl {

struct Snapshot {
    std::chrono::nanoseconds taken{};  // monotonic
    std::int64_t unix_ns = 0;
    std::array<std::uint8_t, 16> boot_id{};
    std::uint32_t abi = 0;
    std::uint32_t pid = 0;
    std::int64_t start_unix_ns = 0;
    std::uint64_t heartbeat = 0;
    std::uint64_t segment_bytes = 0;
    std::string sealer;
    std::uint64_t blobs = 0, blob_bytes = 0, blob_budget = 0;
    struct Pool {
        std::uint32_t used = 0, limit = 0;
    };
    Pool transports, sources, legs;
    std::vector<abi::WorkerBlock> workers;
    std::vector<abi::PortBlock> ports;
};

[[nodiscard]] Snapshot take(const dpclient::SegmentView& view, std::chrono::nanoseconds monotonic, std::int64_t unix_ns);

// Per second of the time between two snapshots.
struct WorkerRates {
    bool stalled = false;  // did not finish an iteration
    double busy = 0;       // cycles of iterations that did something, over all
    double loops = 0, rx_packets = 0, rx_bits = 0, tx_packets = 0, tx_bits = 0, rtp_in = 0, rtp_out = 0, rtx_out = 0;
    double punted = 0, handed_over = 0, drops = 0;
    // Upper bounds, in us, of the power of two in which the quantile lies; 0 = nothing was measured in the interval.
    double latency_p50_us = 0, latency_p99_us = 0, loop_p99_us = 0;
};
struct PortRates {
    double rx_packets = 0, rx_bits = 0, tx_packets = 0, tx_bits = 0, lost = 0;  // lost: missed, errors, no buffer
};
struct DropRate {
    std::string name;
    std::string_view severity;
    std::string_view help;
    std::uint64_t count = 0;
    double per_second = 0;
};
struct Rates {
    double seconds = 0;
    bool known = false;    // false: another life of the data plane, or no time between the snapshots; then all rates are 0
    bool stalled = false;  // main's heartbeat stood still
    std::vector<WorkerRates> workers;
    std::vector<PortRates> ports;
    std::vector<DropRate>
        drops;          // every reason in the order of the ABI, then those of a newer data plane that count something
    WorkerRates total;  // sums; busy is the mean
};

[[nodiscard]] Rates rates_of(const Snapshot& before, const Snapshot& after);

// A counter that went backwards was started anew: 0.
[[nodiscard]] double per_second(std::uint64_t before, std::uint64_t after, double seconds) noexcept;

}  // namespace sluice::ctl
