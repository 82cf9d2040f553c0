// The writer's side of the state segment (dataplane/abi/state_segment.hpp): lays it out and hands out its regions.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "dataplane/abi/state_segment.hpp"
#include "dataplane/telemetry/shared_memory.hpp"

namespace sluice::telemetry {

struct SegmentPlan {
    std::uint32_t workers = 1;
    std::uint32_t ports = 1;
    std::uint32_t max_transports = 0;
    std::uint32_t max_sources = 0;
    std::uint32_t max_legs = 0;
};

// Main creates it before the workers run; each region then has one writer.
class Segment {
public:
    [[nodiscard]] static std::expected<Segment, std::string> create(const SegmentPlan& plan);

    [[nodiscard]] abi::SegmentHeader& header() const noexcept {
        return *reinterpret_cast<abi::SegmentHeader*>(memory_.data());
    }
    [[nodiscard]] abi::WorkerBlock& worker(std::uint32_t i) const noexcept {
        return at<abi::WorkerBlock>(header().worker_offset, i);
    }
    [[nodiscard]] abi::PortBlock& port(std::uint32_t i) const noexcept {
        return at<abi::PortBlock>(header().port_offset, i);
    }
    [[nodiscard]] abi::TransportSlot& transport(std::uint32_t i) const noexcept {
        return at<abi::TransportSlot>(header().transport_offset, i);
    }
    [[nodiscard]] abi::SourceSlot& source(std::uint32_t i) const noexcept {
        return at<abi::SourceSlot>(header().source_offset, i);
    }
    [[nodiscard]] abi::LegSlot& leg(std::uint32_t i) const noexcept { return at<abi::LegSlot>(header().leg_offset, i); }
    [[nodiscard]] const SharedMemory& memory() const noexcept { return memory_; }
    [[nodiscard]] static std::size_t size_of(const SegmentPlan& plan) noexcept;

private:
    template <typename T>
    [[nodiscard]] T& at(std::uint64_t offset, std::uint32_t i) const noexcept {
        return reinterpret_cast<T*>(memory_.data() + offset)[i];
    }
    SharedMemory memory_;
};

}  // namespace sluice::telemetry
