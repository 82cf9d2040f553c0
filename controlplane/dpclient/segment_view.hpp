// Read-only access to a data plane's state segment: counters, heartbeats, slots by id.
//
// Theory of operation. open() checks every offset once against the size of the mapping, so that accessors need not. Slots
// are found through an index of id -> slot, built by scanning at the first lookup. A hit is verified against the slot's id;
// a miss scans again, at most once per ten heartbeats of the data plane (100 ms), so asking for ids that do not exist stays
// cheap. The mapping outlives the data plane: a dead one's segment reads like a living one's, with a heartbeat that stands.
// Example: abi::LegSlot leg; if (view->read(id, leg)) show(leg.packets);
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <unordered_map>

#include "controlplane/dpclient/mapping.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/base/unique_fd.hpp"

namespace sluice::dpclient {

// One thread (lookups build the index).
class SegmentView {
public:
    // Takes the descriptor. The error says what is wrong with the segment.
    [[nodiscard]] static std::expected<SegmentView, std::string> open(UniqueFd fd);

    [[nodiscard]] const abi::SegmentHeader& header() const noexcept;
    [[nodiscard]] const std::array<std::uint8_t, 16>& boot_id() const noexcept { return header().boot_id; }
    [[nodiscard]] std::uint64_t heartbeat() const noexcept { return header().heartbeat.load(std::memory_order_relaxed); }

    [[nodiscard]] std::uint32_t workers() const noexcept { return layout_.workers; }
    [[nodiscard]] std::uint32_t ports() const noexcept { return layout_.ports; }
    // Live memory: read each word once. `i` below workers() or ports().
    [[nodiscard]] const abi::WorkerBlock& worker(std::uint32_t i) const noexcept;
    [[nodiscard]] const abi::PortBlock& port(std::uint32_t i) const noexcept;

    // Copies the slot of one object; false when the data plane has none, or replaced it during the copy.
    bool read(abi::TransportId id, abi::TransportSlot& out) const;
    bool read(abi::SourceId id, abi::SourceSlot& out) const;
    bool read(abi::LegId id, abi::LegSlot& out) const;

    // Live memory, all slots, id 0 = free.
    [[nodiscard]] const abi::TransportSlot& transport_slot(std::uint32_t i) const noexcept;
    [[nodiscard]] const abi::SourceSlot& source_slot(std::uint32_t i) const noexcept;
    [[nodiscard]] const abi::LegSlot& leg_slot(std::uint32_t i) const noexcept;
    [[nodiscard]] std::uint32_t transport_slots() const noexcept { return layout_.transports; }
    [[nodiscard]] std::uint32_t source_slots() const noexcept { return layout_.sources; }
    [[nodiscard]] std::uint32_t leg_slots() const noexcept { return layout_.legs; }

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    // Copied out of the header when it was checked; the header itself could change afterwards.
    struct Layout {
        std::uint32_t workers = 0, ports = 0, transports = 0, sources = 0, legs = 0, worker_stride = 0;
        std::uint64_t worker_offset = 0, port_offset = 0, transport_offset = 0, source_offset = 0, leg_offset = 0;
    };
    struct Index {
        std::unordered_map<std::uint64_t, std::uint32_t> slot;
        std::uint64_t scanned_at = 0;  // heartbeat
        bool built = false;
    };

    SegmentView(UniqueFd fd, Mapping mapping, const Layout& layout);
    template <typename Slot>
    const Slot& slot_at(std::uint64_t offset, std::uint32_t i) const noexcept;
    template <typename Slot>
    const Slot* find(Index& index, std::uint64_t offset, std::uint32_t count, std::uint64_t id) const;

    UniqueFd fd_;
    Mapping mapping_;
    Layout layout_;
    mutable Index transports_;
    mutable Index sources_;
    mutable Index legs_;
};

// The segment that the supervisor keeps of the latest data plane, dead or alive (environment SLUICE_STATE_FD).
[[nodiscard]] UniqueFd state_fd_from_environment();

}  // namespace sluice::dpclient
