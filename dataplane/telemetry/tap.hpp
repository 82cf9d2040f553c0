// One worker's end of a capture or a trace: what is wanted, and the ring that it goes into.
//
// Theory of operation. Main makes one per worker when an observer starts, hands it over in a command, and gets it back with
// the command that ends it. A worker without one has a null pointer, whose test is all that observing costs then. What finds
// no room in the ring is counted there and lost: an observer that reads slowly never holds a worker.
//
// Thread: made and freed by main, used by the owning worker in between. Does not allocate.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/abi/capture_ring.hpp"
#include "dataplane/abi/messages.hpp"
#include "dataplane/abi/trace.hpp"

namespace sluice::telemetry {

class Tap {
public:
    // `memory` keeps the ring at `base` mapped.
    Tap(std::shared_ptr<const void> memory, void* base, std::uint32_t ring_bytes, std::uint16_t worker,
        const abi::ObserveStart& wanted) noexcept
        : memory_(std::move(memory)),
          ring_(base, ring_bytes),
          kind_(wanted.kind),
          worker_(static_cast<std::uint8_t>(worker)),
          snaplen_(wanted.snaplen == 0 || wanted.snaplen > abi::max_captured ? abi::max_captured : wanted.snaplen),
          count_(wanted.count),
          transports_(wanted.transports) {}

    // Media is shown as opened; what is sealed is left out.
    [[nodiscard]] bool plaintext() const noexcept { return kind_ == abi::ObserveKind::plaintext; }
    [[nodiscard]] bool everything() const noexcept { return count_ == 0; }
    [[nodiscard]] bool wants(std::uint64_t transport) const noexcept {
        if (count_ == 0) return true;
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (transports_[i] == transport) return true;
        }
        return false;
    }

    // For the observer to see after publish().
    void frame(abi::CaptureKind kind, abi::Direction direction, std::uint64_t transport, ByteView frame,
               std::int64_t unix_ns) noexcept {
        abi::CaptureRecord record;
        record.kind = kind;
        record.direction = direction;
        record.worker = worker_;
        record.length = static_cast<std::uint32_t>(frame.size());
        record.transport = transport;
        record.unix_ns = unix_ns;
        ring_.push(record, frame.first(frame.size() < snaplen_ ? frame.size() : snaplen_));
    }
    void trace(std::uint64_t transport, const abi::TraceRecord& event, std::int64_t unix_ns) noexcept {
        abi::CaptureRecord record;
        record.kind = abi::CaptureKind::trace;
        record.worker = worker_;
        record.transport = transport;
        record.unix_ns = unix_ns;
        ring_.push(record, bytes_of(event));
        ring_.publish();
    }
    [[nodiscard]] abi::CaptureRingProducer& ring() noexcept { return ring_; }

    // Room to put a plaintext frame together, and for the positions of the frames of a tx burst.
    static constexpr std::size_t max_burst = 96;
    std::array<std::uint8_t, abi::max_captured> scratch;
    std::array<abi::CaptureRingProducer::Mark, max_burst + 1> marks;

private:
    std::shared_ptr<const void> memory_;
    abi::CaptureRingProducer ring_;
    abi::ObserveKind kind_;
    std::uint8_t worker_;
    std::uint32_t snaplen_;
    std::uint32_t count_;
    std::array<std::uint64_t, abi::max_observed> transports_;
};

}  // namespace sluice::telemetry
