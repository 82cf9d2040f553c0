// Frames on their way out: UDP headers, checksums, and the tx batch.

#include <rte_mbuf.h>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {

void Worker::start_udp(const wire::UdpTemplate& path, rte_mbuf* mbuf, std::uint16_t udp_payload) noexcept {
    auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    path.stamp(frame, udp_payload);
    mbuf->data_len = static_cast<std::uint16_t>(path.header_length() + udp_payload);
    mbuf->pkt_len = mbuf->data_len;
    const std::uint64_t flags = path.is_v6() ? tx_flags6_ : tx_flags4_;
    if (flags == 0) return;
    mbuf->l2_len = path.l2_length();
    mbuf->l3_len = path.l3_length();
    mbuf->ol_flags |= flags;
    if ((flags & RTE_MBUF_F_TX_IP_CKSUM) != 0) path.clear_ip_checksum(frame);
    if ((flags & RTE_MBUF_F_TX_UDP_CKSUM) != 0) path.set_offload_checksum(frame, udp_payload);
}

void Worker::finish_udp(const wire::UdpTemplate& path, rte_mbuf* mbuf, std::uint16_t udp_payload) noexcept {
    start_udp(path, mbuf, udp_payload);
    if (!udp_checksum_offload_) path.fill_udp_checksum(rte_pktmbuf_mtod(mbuf, std::uint8_t*), udp_payload);
}

// For all but the fan-out, which asks for room first and leaves some to us: what the port has no room for is dropped.
void Worker::queue_tx(rte_mbuf* mbuf) noexcept {
    if (tx_count_ == tx_.size()) flush_tx();
    if (tx_count_ == tx_.size()) {
        if (trace_ != nullptr) [[unlikely]]
            trace_unsent(mbuf);
        rte_pktmbuf_free(mbuf);
        ++counters_->drops[static_cast<std::size_t>(DropReason::tx_ring_full)];
        return;
    }
    tx_[tx_count_++] = mbuf;
}

// Hands the port as much as it takes and its rate allows; the rest waits for the next time.
void Worker::flush_tx() noexcept {
    if (tx_count_ == 0) return;
    StageTimer timer(*this, Stage::tx);
    std::uint64_t bytes = 0;
    for (std::uint16_t i = 0; i < tx_count_; ++i) bytes += tx_[i]->pkt_len;
    const auto on_the_wire = [](std::uint64_t frame_bytes, std::uint64_t frames) {
        return frame_bytes + frames * port::EgressPacer::framing_bytes;
    };
    if (config_.pacer != nullptr && !config_.pacer->claim(on_the_wire(bytes, tx_count_), TscClock::ticks())) {
        ++counters_->tx_full;
        return;
    }
    if (capture_ != nullptr) [[unlikely]]
        capture_sending();
    // A port that is full is not asked again before the next turn.
    const std::uint16_t sent = config_.port->transmit(tx_.data(), tx_count_);
    if (capture_ != nullptr) [[unlikely]]
        capture_sent(sent);
    timer.packets = sent;
    const auto left = static_cast<std::uint16_t>(tx_count_ - sent);
    std::uint64_t unsent = 0;
    for (std::uint16_t i = 0; i < left; ++i) {
        unsent += tx_[sent + i]->pkt_len;
        tx_[i] = tx_[sent + i];
    }
    bytes -= unsent;
    if (left != 0) {
        ++counters_->tx_full;
        if (config_.pacer != nullptr) config_.pacer->give_back(on_the_wire(unsent, left));
    }
    counters_->tx_packets += sent;
    counters_->tx_bytes += bytes;
    tx_count_ = left;
}

void Worker::send_mbuf(table::Transport& t, rte_mbuf* mbuf, std::uint16_t udp_payload) noexcept {
    finish_udp(t.hot.path, mbuf, udp_payload);
    ++t.hot.tx_packets;
    t.hot.tx_bytes += mbuf->data_len;
    t.hot.publish();
    queue_tx(mbuf);
}

void Worker::send_datagram(const wire::UdpTemplate& path, ByteView payload) noexcept {
    if (payload.size() + path.header_length() - path.l2_length() > config_.mtu) return drop(DropReason::tx_over_mtu);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(config_.tx_pool);
    if (mbuf == nullptr) return drop(DropReason::tx_pool_empty);
    std::memcpy(rte_pktmbuf_mtod(mbuf, std::uint8_t*) + path.header_length(), payload.data(), payload.size());
    finish_udp(path, mbuf, static_cast<std::uint16_t>(payload.size()));
    queue_tx(mbuf);
}

void Worker::send_rtcp(table::Transport& t, ByteView plaintext) noexcept {
    if (!t.hot.has_path) return drop(t, DropReason::tx_no_path);
    if (t.hot.tx == nullptr || plaintext.empty()) return;
    const std::size_t sealed_size = plaintext.size() + srtp::rtcp_overhead(t.suite);
    if (sealed_size > t.hot.max_payload) return drop(t, DropReason::tx_over_mtu);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(config_.tx_pool);
    if (mbuf == nullptr) return drop(t, DropReason::tx_pool_empty);
    if (capture_ != nullptr) [[unlikely]]
        capture_plaintext(t, abi::Direction::tx, t.hot.path, plaintext, {});
    // Reserved before used: a data plane after us starts at the reservation.
    const std::uint32_t index = t.srtcp_index++;
    if (index >= t.hot.counters->srtcp_reserved.load(std::memory_order_relaxed)) {
        t.hot.counters->srtcp_reserved.store(index + abi::reservation_step, std::memory_order_release);
    }
    std::uint8_t* payload = rte_pktmbuf_mtod(mbuf, std::uint8_t*) + t.hot.path.header_length();
    std::memcpy(payload, plaintext.data(), plaintext.size());
    const std::size_t sealed = engine_->sealer().seal_rtcp(*t.hot.tx, payload, plaintext.size(), index);
    if (sealed == 0) {
        rte_pktmbuf_free(mbuf);
        return;
    }
    send_mbuf(t, mbuf, static_cast<std::uint16_t>(sealed));
}

}  // namespace sluice::worker
