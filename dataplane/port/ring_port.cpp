#include "dataplane/port/ring_port.hpp"

#include <rte_mbuf.h>
#include <rte_ring.h>

namespace sluice::port {

std::uint16_t RingPort::receive(rte_mbuf** frames, std::uint16_t capacity) noexcept {
    return static_cast<std::uint16_t>(rte_ring_dequeue_burst(rx_, reinterpret_cast<void**>(frames), capacity, nullptr));
}

std::uint16_t RingPort::transmit(rte_mbuf** frames, std::uint16_t count) noexcept {
    return static_cast<std::uint16_t>(rte_ring_enqueue_burst(tx_, reinterpret_cast<void**>(frames), count, nullptr));
}

}  // namespace sluice::port
