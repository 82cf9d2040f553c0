// What one worker knows of a source: the ring of its packets and the legs that it has of it. The source's own worker has
// one too, which is its history.
//
// Theory of operation. Packets enter the ring in order of arrival; `head` counts them. The legs that are level share the
// group cursor: fan-out walks the packet at `cursor` over the legs, `walked` of them in one go or in several, and then goes
// on to the next. Legs that catch up have positions of their own behind it. The ring is also the history that
// NACK is answered from: by_index finds a packet by its extended sequence number. A slot's packet is
// released when the ring comes round to it, or by trim() when the pool runs low: full rings of many sources would take
// several times what there is. It is also the keyframe cache: `keyframe` is where the last one begins.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/abi/types.hpp"
#include "dataplane/media/sender_clock.hpp"
#include "dataplane/table/leg.hpp"
#include "dataplane/table/media_packet.hpp"

namespace sluice::table {

// Owning worker only, except that main allocates and frees it.
struct SourceView {
    static constexpr std::uint32_t video_ring = 1024;
    static constexpr std::uint32_t audio_ring = 256;
    static constexpr std::uint32_t trimmed_ring = 64;  // what trim() leaves: a NACK's worth
    static constexpr std::uint64_t no_keyframe = ~std::uint64_t{0};
    static constexpr std::uint64_t not_yet = ~std::uint64_t{0};

    abi::SourceId source{};
    std::uint32_t slot = 0;   // source slot, the same on every worker
    std::uint16_t owner = 0;  // the publisher's worker
    abi::MediaKind kind = abi::MediaKind::none;
    std::uint32_t mask = 0;
    std::uint64_t head = 0;
    std::uint64_t cursor = 0;
    std::uint64_t tail = 0;    // the oldest position that still has its packet
    std::uint32_t walked = 0;  // legs that have been given the packet at `cursor`
    bool due = false;          // stands in the worker's queue of views with packets to fan out
    std::uint32_t leg_count = 0;
    std::uint32_t leg_capacity = 0;
    LegRef* legs = nullptr;  // about in the order of joining; owned, replaced by a larger one through a command
    FormatTable formats;
    std::uint64_t next_order = 0;  // MediaPacket::order behind that of the newest packet
    // What this worker is sent of the source begins with this order. Written by the source's worker when it is told of the
    // interest, read by any worker before it lets a viewer move here.
    std::atomic<std::uint64_t> since;
    std::uint64_t keyframe = no_keyframe;  // position
    std::uint64_t bytes = 0;               // of all packets pushed so far, payload
    std::uint64_t keyframe_bytes = 0;      // the same, before the keyframe
    media::SenderClock clock;
    std::unique_ptr<MediaPacket*[]> ring;
    std::unique_ptr<std::uint64_t[]> arrival;  // by (index & mask): where in the ring that packet stands

    // `here`: on the source's own worker.
    SourceView(abi::SourceId id, std::uint32_t slot, std::uint16_t owner, bool here, abi::MediaKind kind,
               std::uint32_t clock_rate);
    ~SourceView();
    SourceView(const SourceView&) = delete;
    SourceView& operator=(const SourceView&) = delete;

    // Takes over the caller's reference. A full ring gives up its oldest packet: see full().
    void push(MediaPacket* packet) noexcept;
    // The next push() overwrites a packet that has not been fanned out.
    [[nodiscard]] bool full() const noexcept { return head - cursor > mask; }
    // Gives up the packet at the cursor.
    void skip() noexcept {
        ++cursor;
        walked = 0;
    }
    // Into the list, and out of it: legs that have been given the packet at the cursor stay in front of those that have not.
    void add(Leg& leg, Transport& transport) noexcept;
    void remove(Leg& leg) noexcept;
    [[nodiscard]] MediaPacket* at(std::uint64_t position) const noexcept { return ring[position & mask]; }
    // The order of the packet at `position`, which may be the one that comes next; not before the tail.
    [[nodiscard]] std::uint64_t order_at(std::uint64_t position) const noexcept;
    // The first position with a packet of that order or behind it; `head` when there is none.
    [[nodiscard]] std::uint64_t position_of(std::uint64_t order) const noexcept;
    // The packet with this extended sequence number, or nullptr when the history no longer has it.
    [[nodiscard]] MediaPacket* by_index(std::int64_t index) const noexcept;
    // Gives back up to `count` of the oldest packets that have been fanned out.
    void trim(std::uint64_t count) noexcept;
    // Releases every packet; the view can be freed afterwards.
    void clear() noexcept;
};

}  // namespace sluice::table
