// What a viewer lost, from the source ring that it was sent from.

#include <rte_mbuf.h>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {

// Answers a NACK: as RTX (RFC 4588) where the viewer takes it, otherwise as the byte-identical packet.
void Worker::resend(table::Leg& leg, std::uint16_t sequence) noexcept {
    ++leg.hot.counters->nacks;
    table::Transport& t = *leg.hot.transport;
    const auto id = static_cast<std::uint64_t>(leg.id);
    trace(t.id, abi::TraceKind::nack_asked, id, {leg.hot.ssrc, sequence});
    const auto origin = leg.hot.rewriter.origin_of(sequence);
    const table::MediaPacket* packet = nullptr;
    if (origin && origin->switches_ago == 0 && leg.view != nullptr) packet = leg.view->by_index(origin->seq);
    if (packet == nullptr || t.hot.tx == nullptr || !t.hot.has_path) {
        ++leg.hot.counters->nack_misses;
        trace(t.id, abi::TraceKind::nack_missed, id, {leg.hot.ssrc, sequence});
        return drop(t, DropReason::nack_not_in_history);
    }
    LegHeader& header = headers_[table::FormatTable::own];
    header.prepare(leg.format, *packet);
    const bool as_rtx = leg.rtx_ssrc != 0 && header.types.rtx_payload_type != 0xff;
    // One index never seals two different packets, not even two headers (RFC 7714 section 8.1).
    if (!as_rtx && (header.types.payload_type == 0xff || origin->index < leg.header_since_index)) {
        ++leg.hot.counters->nack_misses;
        trace(t.id, abi::TraceKind::nack_missed, id, {leg.hot.ssrc, sequence});
        return drop(t, DropReason::nack_not_in_history);
    }
    const ByteView original{header.payload, header.payload_length};
    if (!leg.rtx_budget.take(now_ns_, static_cast<std::int64_t>(original.size()))) return drop(t, DropReason::nack_limited);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(config_.tx_pool);
    if (mbuf == nullptr) return drop(t, DropReason::tx_pool_empty);
    std::uint8_t* rtp = rte_pktmbuf_mtod(mbuf, std::uint8_t*) + t.hot.path.header_length();
    const std::uint32_t timestamp = packet->timestamp + origin->ts_delta;
    srtp::SealJob job;
    job.key = t.hot.tx;
    job.dst = rtp;
    if (as_rtx) {
        store(rtx_payload_.data(), be16(sequence));
        std::memcpy(rtx_payload_.data() + 2, original.data(), original.size());
        job.payload = rtx_payload_.data();
        job.payload_len = static_cast<std::uint16_t>(original.size() + 2);
        job.index = leg.rtx_index++;
        job.ssrc = leg.rtx_ssrc;
        if (job.index >= leg.rtx_reserved) {
            leg.rtx_reserved = job.index + abi::reservation_step;
            leg.hot.counters->rtx_reserved.store(leg.rtx_reserved, std::memory_order_release);
        }
    } else {
        job.payload = original.data();
        job.payload_len = static_cast<std::uint16_t>(original.size());
        job.index = origin->index;
        job.ssrc = leg.hot.ssrc;
    }
    if (as_rtx) header.set_payload_type(header.types.rtx_payload_type);
    header.lay(rtp, static_cast<std::uint16_t>(job.index), timestamp, job.ssrc, leg.hot.mid);
    job.header_len = header.length;
    if (job.header_len + job.payload_len + t.hot.rtp_overhead > t.hot.max_payload) {
        rte_pktmbuf_free(mbuf);
        return drop(t, DropReason::tx_over_mtu);
    }
    if (capture_ != nullptr) [[unlikely]]
        capture_plaintext(t, abi::Direction::tx, t.hot.path, {rtp, job.header_len}, {job.payload, job.payload_len});
    engine_->sealer().seal_rtp({&job, 1});
    if (job.out_len == 0) {
        rte_pktmbuf_free(mbuf);
        return drop(t, DropReason::seal_failed);
    }
    ++leg.hot.counters->rtx_packets;
    ++counters_->rtx_out;
    trace(t.id, abi::TraceKind::nack_answered, id,
          {leg.hot.ssrc, sequence, as_rtx, as_rtx ? static_cast<std::uint16_t>(job.index) : 0u});
    send_mbuf(t, mbuf, job.out_len);
}

}  // namespace sluice::worker
