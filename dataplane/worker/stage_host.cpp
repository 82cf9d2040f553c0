// The worker's ends of the host port: what is not media goes to main in a ring, what the kernel sends leaves here. Copies,
// so that no RX mbuf waits for main's system calls and every TX mbuf is of this worker's pool.

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {

void Worker::send_to_host(ByteView frame) noexcept {
    StageTimer timer(*this, Stage::host);
    timer.packets = 1;
    if (frame.size() < sizeof(wire::EthernetHeader)) return drop(DropReason::frame_truncated);
    const Mac destination = load<wire::EthernetHeader>(frame.data()).destination;
    const bool group = destination.is_multicast();
    // A promiscuous NIC, or a switch that floods.
    if (!group && destination != config_.mac) return drop(DropReason::host_not_for_us);
    if (!(group ? host_group_budget_ : host_budget_).take(now_ns_)) return drop(DropReason::host_limited);
    if (frame.size() > port::HostFrame::capacity) return drop(DropReason::frame_unsupported);
    host_frame_.length = static_cast<std::uint16_t>(frame.size());
    std::memcpy(host_frame_.bytes.data(), frame.data(), frame.size());
    if (!config_.to_host->push(host_frame_)) drop(DropReason::host_ring_full);
}

bool Worker::stage_from_host() noexcept {
    if (config_.from_host == nullptr || config_.from_host->empty()) return false;
    StageTimer timer(*this, Stage::host);
    for (int i = 0; i < burst && config_.from_host->pop(host_frame_); ++i) {
        ++timer.packets;
        if (host_frame_.length > config_.mtu + sizeof(wire::EthernetHeader) + sizeof(wire::VlanTag)) {
            drop(DropReason::tx_over_mtu);
            continue;
        }
        rte_mbuf* mbuf = rte_pktmbuf_alloc(config_.tx_pool);
        if (mbuf == nullptr) {
            drop(DropReason::tx_pool_empty);
            continue;
        }
        std::memcpy(rte_pktmbuf_mtod(mbuf, std::uint8_t*), host_frame_.bytes.data(), host_frame_.length);
        mbuf->data_len = host_frame_.length;
        mbuf->pkt_len = host_frame_.length;
        queue_tx(mbuf);
    }
    return true;
}

}  // namespace sluice::worker
