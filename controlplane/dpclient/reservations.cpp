#include "controlplane/dpclient/reservations.hpp"

#include "controlplane/dpclient/segment_view.hpp"

namespace sluice::dpclient {

Reservations read_reservations(const SegmentView& segment) {
    Reservations out;
    for (std::uint32_t i = 0; i < segment.transport_slots(); ++i) {
        const auto& slot = segment.transport_slot(i);
        const auto id = slot.id.load(std::memory_order_acquire);
        if (id != 0) out.srtcp[abi::TransportId{id}] = slot.srtcp_reserved.load(std::memory_order_acquire);
    }
    for (std::uint32_t i = 0; i < segment.leg_slots(); ++i) {
        const auto& slot = segment.leg_slot(i);
        const auto id = slot.id.load(std::memory_order_acquire);
        if (id == 0) continue;
        out.legs[abi::LegId{id}] = {slot.rtp_reserved.load(std::memory_order_acquire),
                                    slot.rtx_reserved.load(std::memory_order_acquire), slot.last_unix_ns,
                                    slot.last_timestamp};
    }
    for (std::uint32_t i = 0; i < segment.source_slots(); ++i) {
        const auto& slot = segment.source_slot(i);
        const auto id = slot.id.load(std::memory_order_acquire);
        if (id == 0) continue;
        out.sources[abi::SourceId{id}] = {slot.ssrc, slot.rtx_ssrc, slot.rx_index.load(std::memory_order_acquire),
                                          slot.rtx_rx_index.load(std::memory_order_acquire)};
    }
    return out;
}

}  // namespace sluice::dpclient
