// Rates of the data plane, from the counters of its state segment, once a second: of each worker, of the node, and of
// each source that somebody asked about.
//
// Theory of operation: sample() remembers the counters and divides their growth by the time since the last call. A
// counter that fell (a new data plane, a new slot) starts anew with a rate of 0 for one second.
//
// Thread: the io thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "controlplane/dpclient/segment_view.hpp"
#include "dataplane/abi/drop_reason.hpp"

namespace sluice::room {

struct WorkerRate {
    double busy = 0;  // 0..1
    double packets_out_per_s = 0;
    double bits_out_per_s = 0;
    double packets_in_per_s = 0;
};

struct SourceRate {
    double bps = 0;
    double packets_per_s = 0;
    std::uint64_t packets = 0;
    std::uint64_t lost = 0;
    std::uint64_t keyframes = 0;
    std::uint64_t bytes = 0;
    std::uint16_t width = 0;
    std::uint16_t height = 0;
};

class Meters {
public:
    // `segment` may be null (no data plane yet): everything reads 0.
    void sample(const dpclient::SegmentView* segment, const std::vector<abi::SourceId>& sources, std::int64_t now_ns);

    [[nodiscard]] const std::vector<WorkerRate>& workers() const noexcept { return workers_; }
    [[nodiscard]] SourceRate source(abi::SourceId id) const;
    [[nodiscard]] double egress_bps() const noexcept;
    [[nodiscard]] double egress_packets_per_s() const noexcept;
    [[nodiscard]] double least_busy() const noexcept;
    [[nodiscard]] double most_busy() const noexcept;

private:
    struct WorkerCounters {
        std::uint64_t busy = 0, total = 0, tx_packets = 0, tx_bytes = 0, rx_packets = 0;
    };
    struct SourceEntry {
        SourceRate rate;
        std::uint64_t packets = 0, bytes = 0;
        bool known = false;
    };

    std::array<std::uint8_t, 16> boot_id_{};
    std::int64_t sampled_ns_ = 0;
    std::vector<WorkerCounters> counters_;
    std::vector<WorkerRate> workers_;
    std::map<abi::SourceId, SourceEntry> sources_;
};

}  // namespace sluice::room
