#include "dataplane/table/media_packet.hpp"

#include <rte_mempool.h>

#include <new>

namespace sluice::table {

namespace {

// In the pool's private area, where a packet of it finds it.
std::atomic<bool>& low_flag(rte_mempool* pool) noexcept {
    return *static_cast<std::atomic<bool>*>(rte_mempool_get_priv(pool));
}

}  // namespace

HistoryPool::HistoryPool(const char* name, std::uint32_t count, int socket) : size_(count) {
    pool_ = rte_mempool_create(name, count, MediaPacket::buffer_size, RTE_MEMPOOL_CACHE_MAX_SIZE / 4,
                               sizeof(std::atomic<bool>), nullptr, nullptr, nullptr, nullptr, socket, 0);
    if (pool_ != nullptr) new (rte_mempool_get_priv(pool_)) std::atomic<bool>(false);
}

HistoryPool::~HistoryPool() {
    rte_mempool_free(pool_);
}

MediaPacket* HistoryPool::take() noexcept {
    void* object = nullptr;
    if (rte_mempool_get(pool_, &object) != 0) return nullptr;
    auto* packet = static_cast<MediaPacket*>(object);
    packet->refs.store(1, std::memory_order_relaxed);
    packet->pool = pool_;
    // The level itself is costly to read.
    if (++taken_since_level_ > size_ / 32) note_level();
    return packet;
}

std::uint32_t HistoryPool::available() const noexcept {
    return rte_mempool_avail_count(pool_);
}

void HistoryPool::note_level() noexcept {
    taken_since_level_ = 0;
    const std::uint32_t free = available();
    std::atomic<bool>& low = low_flag(pool_);
    if (free < size_ / 8)
        low.store(true, std::memory_order_relaxed);
    else if (free > size_ / 4)
        low.store(false, std::memory_order_relaxed);
}

bool runs_low(const MediaPacket& packet) noexcept {
    return low_flag(packet.pool).load(std::memory_order_relaxed);
}

void release(MediaPacket* packet) noexcept {
    if (packet->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) rte_mempool_put(packet->pool, packet);
}

}  // namespace sluice::table
