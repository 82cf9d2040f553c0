// A port of two rte_rings: what the component tests and the pipeline benchmarks plug in the place of a NIC.
#pragma once

#include "dataplane/port/port_io.hpp"

struct rte_ring;

namespace sluice::port {

class RingPort final : public PortIo {
public:
    // Does not own the rings.
    RingPort(rte_ring* rx, rte_ring* tx) noexcept : rx_(rx), tx_(tx) {}
    std::uint16_t receive(rte_mbuf** frames, std::uint16_t capacity) noexcept override;
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override;
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return false; }

private:
    rte_ring* rx_;
    rte_ring* tx_;
};

}  // namespace sluice::port
