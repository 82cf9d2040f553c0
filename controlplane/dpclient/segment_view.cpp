#include "controlplane/dpclient/segment_view.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <cstring>

namespace sluice::dpclient {
namespace {

// Heartbeats of 10 ms between two scans.
constexpr std::uint64_t scan_interval = 10;

bool fits(std::uint64_t offset, std::uint64_t count, std::uint64_t stride, std::uint64_t size) {
    return offset % 64 == 0 && offset >= sizeof(abi::SegmentHeader) && offset <= size && count * stride <= size - offset;
}

// The id is checked before and after, as a writer zeroes it first and stores it last.
template <typename Slot>
bool copy(const Slot* slot, std::uint64_t id, Slot& out) {
    if (slot == nullptr) return false;
    std::memcpy(static_cast<void*>(&out), static_cast<const void*>(slot), sizeof out);
    std::atomic_thread_fence(std::memory_order_acquire);
    return slot->id.load(std::memory_order_relaxed) == id;
}

}  // namespace

std::expected<SegmentView, std::string> SegmentView::open(UniqueFd fd) {
    auto mapping = Mapping::map(fd.get(), Mapping::Access::read, sizeof(abi::SegmentHeader));
    if (!mapping) return std::unexpected("state segment " + mapping.error());
    const auto& h = *reinterpret_cast<const abi::SegmentHeader*>(mapping->data());
    if (h.magic != abi::segment_magic) return std::unexpected("state segment has a wrong magic: not a state segment");
    if (h.abi < abi::abi_oldest) return std::unexpected("state segment is of ABI " + std::to_string(h.abi) + ", too old");
    const Layout l{h.workers,       h.ports,       h.max_transports,   h.max_sources,   h.max_legs,  h.worker_stride,
                   h.worker_offset, h.port_offset, h.transport_offset, h.source_offset, h.leg_offset};
    const std::uint64_t size = mapping->size();
    if (l.workers > abi::max_workers) return std::unexpected("state segment names more workers than can be");
    if (l.worker_stride % 64 != 0 || (l.workers > 0 && l.worker_stride < sizeof(abi::WorkerBlock))) {
        return std::unexpected("state segment has a wrong worker stride");
    }
    if (!fits(l.worker_offset, l.workers, l.worker_stride, size) ||
        !fits(l.port_offset, l.ports, sizeof(abi::PortBlock), size) ||
        !fits(l.transport_offset, l.transports, sizeof(abi::TransportSlot), size) ||
        !fits(l.source_offset, l.sources, sizeof(abi::SourceSlot), size) ||
        !fits(l.leg_offset, l.legs, sizeof(abi::LegSlot), size)) {
        return std::unexpected("state segment has an offset beyond its " + std::to_string(size) + " bytes");
    }
    return SegmentView(std::move(fd), std::move(*mapping), l);
}

SegmentView::SegmentView(UniqueFd fd, Mapping mapping, const Layout& layout)
    : fd_(std::move(fd)), mapping_(std::move(mapping)), layout_(layout) {}

const abi::SegmentHeader& SegmentView::header() const noexcept {
    return *reinterpret_cast<const abi::SegmentHeader*>(mapping_.data());
}

template <typename Slot>
const Slot& SegmentView::slot_at(std::uint64_t offset, std::uint32_t i) const noexcept {
    return reinterpret_cast<const Slot*>(mapping_.data() + offset)[i];
}

const abi::WorkerBlock& SegmentView::worker(std::uint32_t i) const noexcept {
    return *reinterpret_cast<const abi::WorkerBlock*>(mapping_.data() + layout_.worker_offset +
                                                      std::uint64_t{i} * layout_.worker_stride);
}
const abi::PortBlock& SegmentView::port(std::uint32_t i) const noexcept {
    return slot_at<abi::PortBlock>(layout_.port_offset, i);
}
const abi::TransportSlot& SegmentView::transport_slot(std::uint32_t i) const noexcept {
    return slot_at<abi::TransportSlot>(layout_.transport_offset, i);
}
const abi::SourceSlot& SegmentView::source_slot(std::uint32_t i) const noexcept {
    return slot_at<abi::SourceSlot>(layout_.source_offset, i);
}
const abi::LegSlot& SegmentView::leg_slot(std::uint32_t i) const noexcept {
    return slot_at<abi::LegSlot>(layout_.leg_offset, i);
}

template <typename Slot>
const Slot* SegmentView::find(Index& index, std::uint64_t offset, std::uint32_t count, std::uint64_t id) const {
    if (id == 0) return nullptr;
    const auto look = [&]() -> const Slot* {
        const auto found = index.slot.find(id);
        if (found == index.slot.end()) return nullptr;
        const Slot& slot = slot_at<Slot>(offset, found->second);
        return slot.id.load(std::memory_order_acquire) == id ? &slot : nullptr;
    };
    if (const Slot* slot = look()) return slot;
    const std::uint64_t now = heartbeat();
    if (index.built && now - index.scanned_at < scan_interval) return nullptr;
    index.slot.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
        if (const auto at = slot_at<Slot>(offset, i).id.load(std::memory_order_relaxed); at != 0) index.slot[at] = i;
    }
    index.scanned_at = now;
    index.built = true;
    return look();
}

bool SegmentView::read(abi::TransportId id, abi::TransportSlot& out) const {
    const auto raw = static_cast<std::uint64_t>(id);
    return copy(find<abi::TransportSlot>(transports_, layout_.transport_offset, layout_.transports, raw), raw, out);
}
bool SegmentView::read(abi::SourceId id, abi::SourceSlot& out) const {
    const auto raw = static_cast<std::uint64_t>(id);
    return copy(find<abi::SourceSlot>(sources_, layout_.source_offset, layout_.sources, raw), raw, out);
}
bool SegmentView::read(abi::LegId id, abi::LegSlot& out) const {
    const auto raw = static_cast<std::uint64_t>(id);
    return copy(find<abi::LegSlot>(legs_, layout_.leg_offset, layout_.legs, raw), raw, out);
}

UniqueFd state_fd_from_environment() {
    const char* text = std::getenv("SLUICE_STATE_FD");
    if (text == nullptr || *text == '\0') return {};
    char* end = nullptr;
    const long fd = std::strtol(text, &end, 10);
    if (*end != '\0' || fd < 0 || fd > 1'000'000 || ::fcntl(static_cast<int>(fd), F_GETFD) < 0) return {};
    ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
    return UniqueFd(static_cast<int>(fd));
}

}  // namespace sluice::dpclient
