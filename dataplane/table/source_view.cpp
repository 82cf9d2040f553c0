#include "dataplane/table/source_view.hpp"

#include <algorithm>

namespace sluice::table {

SourceView::SourceView(abi::SourceId id, std::uint32_t slot_index, std::uint16_t owner_worker, bool here,
                       abi::MediaKind media, std::uint32_t clock_rate)
    : source(id), slot(slot_index), owner(owner_worker), kind(media), since(here ? 0 : not_yet), clock(clock_rate) {
    const std::uint32_t size = media == abi::MediaKind::video ? video_ring : audio_ring;
    mask = size - 1;
    ring = std::make_unique<MediaPacket*[]>(size);
    arrival = std::make_unique<std::uint64_t[]>(size);
}

SourceView::~SourceView() {
    clear();
    delete[] legs;
}

void SourceView::push(MediaPacket* packet) noexcept {
    MediaPacket*& slot_packet = ring[head & mask];
    if (slot_packet != nullptr) release(slot_packet);
    slot_packet = packet;
    if (packet->keyframe_start) {
        keyframe = head;
        keyframe_bytes = bytes;
    }
    bytes += packet->payload_length;
    arrival[static_cast<std::uint64_t>(packet->index) & mask] = head;
    next_order = packet->order + 1;
    ++head;
    if (head - tail > mask + 1) tail = head - mask - 1;
}

void SourceView::add(Leg& leg, Transport& transport) noexcept {
    leg.view = this;
    leg.position = leg_count;
    legs[leg_count++] = {&leg, &transport};
    leg.hot.format = formats.join(leg.format);
}

void SourceView::remove(Leg& leg) noexcept {
    const auto move = [&](std::uint32_t from, std::uint32_t to) {
        legs[to] = legs[from];
        legs[to].leg->position = to;
    };
    std::uint32_t hole = leg.position;
    if (hole < walked) {
        move(--walked, hole);
        hole = walked;
    }
    move(--leg_count, hole);
    formats.leave(leg.hot.format);
    leg.hot.format = FormatTable::own;
    leg.view = nullptr;
}

void SourceView::trim(std::uint64_t count) noexcept {
    for (; count != 0 && tail < cursor && head - tail > trimmed_ring; --count, ++tail) {
        MediaPacket*& oldest = ring[tail & mask];
        if (oldest != nullptr) release(oldest);
        oldest = nullptr;
    }
}

std::uint64_t SourceView::order_at(std::uint64_t position) const noexcept {
    if (position < head) return at(position)->order;
    return std::max(next_order, since.load(std::memory_order_acquire));
}

std::uint64_t SourceView::position_of(std::uint64_t order) const noexcept {
    std::uint64_t low = tail;
    for (std::uint64_t high = head; low < high;) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (at(middle)->order < order)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

MediaPacket* SourceView::by_index(std::int64_t index) const noexcept {
    const std::uint64_t position = arrival[static_cast<std::uint64_t>(index) & mask];
    if (position >= head || head - position > mask + 1) return nullptr;
    MediaPacket* packet = at(position);
    return packet != nullptr && packet->index == index ? packet : nullptr;
}

void SourceView::clear() noexcept {
    for (std::uint32_t i = 0; i <= mask; ++i) {
        if (ring[i] != nullptr) release(ring[i]);
        ring[i] = nullptr;
    }
    cursor = head;
    walked = 0;
    tail = head;
    keyframe = no_keyframe;
}

}  // namespace sluice::table
