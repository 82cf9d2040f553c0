// The one seam between the pipeline and the world: a queue pair that takes and gives bursts of mbufs.
#pragma once

#include <cstdint>

#include "dataplane/base/mac.hpp"

struct rte_mbuf;

namespace sluice::port {

// One per worker. Owning worker only.
class PortIo {
public:
    virtual ~PortIo() = default;
    // Up to `capacity` received frames; the caller owns them.
    virtual std::uint16_t receive(rte_mbuf** frames, std::uint16_t capacity) noexcept = 0;
    // Takes the first n of them; the rest stays the caller's.
    virtual std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept = 0;
    // The port fills UDP checksums of frames flagged RTE_MBUF_F_TX_UDP_CKSUM with the pseudo-header sum in place.
    [[nodiscard]] virtual bool offloads_udp_checksum() const noexcept = 0;
    // The port fills the IPv4 header checksum of frames flagged RTE_MBUF_F_TX_IP_CKSUM with zero in place.
    [[nodiscard]] virtual bool offloads_ipv4_checksum() const noexcept { return false; }
};

}  // namespace sluice::port
