// Single-producer single-consumer ring of datagrams in shared memory: workers punt STUN and DTLS to the control plane
// through it, and the control plane injects its answers through its mirror image.
//
// Theory of operation. Fixed slots of 2 KiB; `head` counts what was produced, `tail` what was consumed, both free-running.
// The producer never blocks: a full ring is its caller's drop. Neither side trusts the other: the consumer takes the slot
// count from its own configuration, copies the record out before it looks at it, and refuses lengths beyond the slot.
// Example: PacketRingProducer out(base, slots); if (auto* slot = out.reserve()) { fill(*slot); out.publish(); }
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/abi/types.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::abi {

enum class PuntClass : std::uint8_t { none = 0, stun = 1, dtls = 2 };

struct PacketRecord {
    std::uint32_t length = 0;  // of the datagram
    PuntClass punt_class = PuntClass::none;
    std::uint8_t worker = 0;
    std::uint16_t reserved = 0;
    TransportId transport = TransportId::none;  // by ufrag (stun) or by 5-tuple (dtls)
    std::int64_t rx_unix_ns = 0;
    FlowAddress flow;
    // Injected answers to a check that the control plane verified: our ufrag that the check named. Before the answer leaves,
    // the worker lets `flow` lead to that transport, so that the DTLS which the answer sets off finds it. All zero
    // otherwise.
    std::array<char, ufrag_size> verified_ufrag{};
    std::uint8_t reserved2[48]{};
};
static_assert(sizeof(PacketRecord) == 128);

inline constexpr std::size_t packet_slot_size = 2048;
inline constexpr std::size_t max_datagram = packet_slot_size - sizeof(PacketRecord);

struct PacketSlot {
    PacketRecord record;
    std::uint8_t datagram[max_datagram];
};
static_assert(sizeof(PacketSlot) == packet_slot_size);

struct alignas(64) PacketRingHeader {
    alignas(64) std::atomic<std::uint64_t> head;
    alignas(64) std::atomic<std::uint64_t> tail;
    alignas(64) std::uint64_t reserved[8];
};
static_assert(sizeof(PacketRingHeader) == 192);

// Bytes of one ring with `slots` (a power of two).
[[nodiscard]] constexpr std::size_t packet_ring_size(std::uint32_t slots) noexcept {
    return sizeof(PacketRingHeader) + std::size_t{slots} * packet_slot_size;
}

// One thread. Does not allocate.
class PacketRingProducer {
public:
    PacketRingProducer() = default;
    PacketRingProducer(void* base, std::uint32_t slots) noexcept
        : header_(static_cast<PacketRingHeader*>(base)),
          slots_(reinterpret_cast<PacketSlot*>(static_cast<std::uint8_t*>(base) + sizeof(PacketRingHeader))),
          mask_(slots - 1),
          head_(header_->head.load(std::memory_order_relaxed)) {}

    // The next free slot, or nullptr when the consumer is behind by a whole ring.
    [[nodiscard]] PacketSlot* reserve() noexcept {
        if (head_ - header_->tail.load(std::memory_order_acquire) > mask_) return nullptr;
        return &slots_[head_ & mask_];
    }
    void publish() noexcept { header_->head.store(++head_, std::memory_order_release); }

    // Copies a datagram in; false when the ring is full or the datagram does not fit a slot.
    bool push(const PacketRecord& record, ByteView datagram) noexcept {
        if (datagram.size() > max_datagram) return false;
        PacketSlot* slot = reserve();
        if (slot == nullptr) return false;
        slot->record = record;
        slot->record.length = static_cast<std::uint32_t>(datagram.size());
        if (!datagram.empty()) std::memcpy(slot->datagram, datagram.data(), datagram.size());
        publish();
        return true;
    }

private:
    PacketRingHeader* header_ = nullptr;
    PacketSlot* slots_ = nullptr;
    std::uint64_t mask_ = 0;
    std::uint64_t head_ = 0;
};

// One thread. Does not allocate.
class PacketRingConsumer {
public:
    PacketRingConsumer() = default;
    PacketRingConsumer(void* base, std::uint32_t slots) noexcept
        : header_(static_cast<PacketRingHeader*>(base)),
          slots_(reinterpret_cast<PacketSlot*>(static_cast<std::uint8_t*>(base) + sizeof(PacketRingHeader))),
          mask_(slots - 1),
          tail_(header_->tail.load(std::memory_order_relaxed)) {}

    [[nodiscard]] bool empty() const noexcept { return header_->head.load(std::memory_order_acquire) == tail_; }

    enum class Result : std::uint8_t { empty, ok, invalid };
    // Copies the oldest record out and frees its slot. `invalid`: the producer wrote nonsense; the slot is skipped.
    Result pop(PacketSlot& out) noexcept {
        const std::uint64_t head = header_->head.load(std::memory_order_acquire);
        if (head == tail_) return Result::empty;
        if (head - tail_ > mask_ + 1) {  // a producer that lost its mind, or restarted: resume at its head
            tail_ = head;
            header_->tail.store(tail_, std::memory_order_release);
            return Result::invalid;
        }
        const PacketSlot& slot = slots_[tail_ & mask_];
        std::memcpy(&out.record, &slot.record, sizeof out.record);
        const std::uint32_t length = out.record.length;
        const bool valid = length <= max_datagram;
        if (valid) std::memcpy(out.datagram, slot.datagram, length);
        header_->tail.store(++tail_, std::memory_order_release);
        return valid ? Result::ok : Result::invalid;
    }

    // Forgets what the ring holds (a new control plane starts with an empty one).
    void discard() noexcept {
        tail_ = header_->head.load(std::memory_order_acquire);
        header_->tail.store(tail_, std::memory_order_release);
    }

private:
    PacketRingHeader* header_ = nullptr;
    PacketSlot* slots_ = nullptr;
    std::uint64_t mask_ = 0;
    std::uint64_t tail_ = 0;
};

// Layout of the memfd that holds all rings: per worker, punt stun, punt dtls, inject.
struct RingLayout {
    static constexpr std::uint32_t slots = 512;
    static constexpr std::size_t per_worker = 3 * packet_ring_size(slots);
    [[nodiscard]] static constexpr std::size_t total(std::uint32_t workers) noexcept { return per_worker * workers; }
    [[nodiscard]] static constexpr std::size_t punt(std::uint32_t worker, PuntClass c) noexcept {
        return worker * per_worker + (c == PuntClass::dtls ? packet_ring_size(slots) : 0);
    }
    [[nodiscard]] static constexpr std::size_t inject(std::uint32_t worker) noexcept {
        return worker * per_worker + 2 * packet_ring_size(slots);
    }
};

}  // namespace sluice::abi
