#include "dataplane/table/media_packet.hpp"

#include <rte_mempool.h>

#include <algorithm>
#include <new>

namespace sluice::table {

namespace {

// In the pool's private area, where a packet of it finds it.
std::atomic<bool>& low_flag(rte_mempool* pool) noexcept {
    return *static_cast<std::atomic<bool>*>(rte_mempool_get_priv(pool));
}

}  // namespace

HistoryPool::Part HistoryPool::make(const std::string& name, std::uint64_t bytes, std::size_t buffer, int socket) {
    Part part;
    part.size = static_cast<std::uint32_t>(bytes / buffer);
    const std::uint32_t cache = std::min<std::uint32_t>(RTE_MEMPOOL_CACHE_MAX_SIZE / 4, part.size / 8);
    part.memory = rte_mempool_create(name.c_str(), part.size, static_cast<unsigned>(buffer), cache,
                                     sizeof(std::atomic<bool>), nullptr, nullptr, nullptr, nullptr, socket, 0);
    if (part.memory != nullptr) new (rte_mempool_get_priv(part.memory)) std::atomic<bool>(false);
    return part;
}

HistoryPool::HistoryPool(const char* name, std::uint64_t bytes, int socket)
    : large_(make(name, bytes - small_share(bytes), MediaPacket::buffer_size, socket)),
      small_(make(std::string(name) + "s", small_share(bytes), MediaPacket::small_buffer_size, socket)) {}

HistoryPool::~HistoryPool() {
    rte_mempool_free(large_.memory);
    rte_mempool_free(small_.memory);
}

MediaPacket* HistoryPool::take_from(Part& part) noexcept {
    void* object = nullptr;
    if (rte_mempool_get(part.memory, &object) != 0) return nullptr;
    auto* packet = static_cast<MediaPacket*>(object);
    packet->refs.store(1, std::memory_order_relaxed);
    packet->pool = part.memory;
    // The level itself is costly to read.
    if (++part.taken_since_level > part.size / 32) note_level(part);
    return packet;
}

MediaPacket* HistoryPool::take(std::size_t bytes) noexcept {
    if (bytes <= small_packet_room) {
        if (MediaPacket* packet = take_from(small_)) return packet;
    }
    return take_from(large_);
}

std::uint32_t HistoryPool::available() const noexcept {
    return rte_mempool_avail_count(large_.memory) + rte_mempool_avail_count(small_.memory);
}

void HistoryPool::note_level() noexcept {
    note_level(large_);
    note_level(small_);
}

void HistoryPool::note_level(Part& part) noexcept {
    part.taken_since_level = 0;
    const std::uint32_t free = rte_mempool_avail_count(part.memory);
    std::atomic<bool>& low = low_flag(part.memory);
    if (free < part.size / 8)
        low.store(true, std::memory_order_relaxed);
    else if (free > part.size / 4)
        low.store(false, std::memory_order_relaxed);
}

bool runs_low(const MediaPacket& packet) noexcept {
    return low_flag(packet.pool).load(std::memory_order_relaxed);
}

void release(MediaPacket* packet) noexcept {
    if (packet->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) rte_mempool_put(packet->pool, packet);
}

}  // namespace sluice::table
