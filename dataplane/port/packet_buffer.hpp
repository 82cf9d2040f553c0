// The size of the buffers that frames are received into and sent from.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace sluice::port {

// Bytes of one mbuf's data, head room included: a frame of up to 2 KB.
inline constexpr std::uint16_t buffer_bytes = 2048 + RTE_PKTMBUF_HEADROOM;

}  // namespace sluice::port
