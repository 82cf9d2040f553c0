#include "dataplane/table/media_packet.hpp"

#include <rte_mempool.h>

namespace sluice::table {

HistoryPool::HistoryPool(const char* name, std::uint32_t count, int socket) : size_(count) {
    pool_ = rte_mempool_create(name, count, MediaPacket::buffer_size, RTE_MEMPOOL_CACHE_MAX_SIZE / 4, 0, nullptr, nullptr,
                               nullptr, nullptr, socket, 0);
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
    return packet;
}

std::uint32_t HistoryPool::available() const noexcept {
    return rte_mempool_avail_count(pool_);
}

void release(MediaPacket* packet) noexcept {
    if (packet->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) rte_mempool_put(packet->pool, packet);
}

}  // namespace sluice::table
