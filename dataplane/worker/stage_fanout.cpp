// From the source ring to the viewers: one header per leg, one seal per leg, out of place from the shared plaintext.

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "dataplane/wire/rtp_writer.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

using abi::Extension;

// Extensions that travel from the publisher to the viewer as they are; their ids are rewritten.
constexpr Extension forwarded[] = {Extension::audio_level,      Extension::dependency_descriptor,
                                   Extension::abs_capture_time, Extension::video_orientation,
                                   Extension::playout_delay,    Extension::video_layers_allocation};

// What this leg is sent of the packet.
ByteView payload_for(const table::LegHot& leg, const table::MediaPacket& packet) noexcept {
    const std::uint16_t from = leg.strip_red ? packet.primary_offset : std::uint16_t{0};
    return {packet.payload() + from, static_cast<std::size_t>(packet.payload_length - from)};
}

}  // namespace

std::size_t Worker::write_header(const table::Leg& leg, const table::MediaPacket& packet, std::uint8_t payload_type,
                                 std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc,
                                 std::uint8_t* out) noexcept {
    std::array<wire::RtpExtensionElement, std::size(forwarded) + 1> elements;
    std::size_t count = 0;
    const std::uint8_t mid_id = leg.extensions[static_cast<std::size_t>(Extension::mid)];
    if (mid_id != 0 && leg.mid_length != 0) {
        elements[count++] = {mid_id, {reinterpret_cast<const std::uint8_t*>(leg.mid.data()), leg.mid_length}};
    }
    for (const Extension e : forwarded) {
        const std::uint8_t id = leg.extensions[static_cast<std::size_t>(e)];
        if (id == 0) continue;
        const ByteView value = packet.element(e);
        if (!value.empty()) elements[count++] = {id, value};
    }
    const wire::RtpHeader header{payload_type, packet.marker, sequence, timestamp, ssrc};
    constexpr std::size_t room = 512;
    const auto size = wire::write_rtp_header({out, room}, header, {elements.data(), count});
    return size ? *size : wire::write_rtp_header({out, room}, header).value_or(0);
}

bool Worker::prepare(table::Leg& leg, const table::MediaPacket& packet, rte_mbuf* mbuf, srtp::SealJob& job) noexcept {
    table::LegHot& hot = leg.hot;
    const table::TransportHot& path = hot.transport->hot;
    if (hot.paused || path.tx == nullptr) return false;
    if (!path.has_path) {
        drop(*hot.transport, DropReason::tx_no_path);
        return false;
    }
    if (hot.awaiting_keyframe) {
        if (!packet.keyframe_start) return false;
        hot.awaiting_keyframe = false;
    }
    const std::uint8_t payload_type = hot.payloads[packet.payload_index].payload_type;
    if (payload_type == 0xff) {
        drop(*hot.transport, DropReason::leg_no_payload_type);
        return false;
    }
    if (hot.switching) {
        hot.rewriter.switch_source(packet.index, packet.timestamp, now_ns_, leg.clock_rate);
        hot.switching = false;
    }
    const auto out = hot.rewriter.map(packet.index, packet.timestamp, now_ns_);
    if (!out) {
        drop(*hot.transport, DropReason::leg_late);
        return false;
    }
    std::uint8_t* rtp = rte_pktmbuf_mtod(mbuf, std::uint8_t*) + path.path.header_length();
    const ByteView payload = payload_for(hot, packet);
    const std::size_t header =
        write_header(leg, packet, payload_type, static_cast<std::uint16_t>(out->index), out->ts, hot.ssrc, rtp);
    if (header + payload.size() + srtp::rtp_overhead(hot.transport->suite) > path.max_payload) {
        drop(*hot.transport, DropReason::tx_over_mtu);
        return false;
    }
    if (out->index >= hot.reserved_index) {
        hot.reserved_index = out->index + abi::reservation_step;
        leg.counters->rtp_reserved.store(hot.reserved_index, std::memory_order_release);
    }
    leg.counters->last_timestamp = out->ts;
    leg.counters->last_unix_ns = unix_ns();
    job = {path.tx,
           rtp,
           static_cast<std::uint16_t>(header),
           static_cast<std::uint16_t>(payload.size()),
           payload.data(),
           out->index,
           hot.ssrc,
           0};
    return true;
}

void Worker::fan_out(table::SourceView& view) noexcept {
    for (; view.cursor != view.head; ++view.cursor) {
        const table::MediaPacket* packet = view.at(view.cursor);
        if (view.leg_count == 0) {
            if (view.owner == config_.id && sources_[view.slot] != nullptr && sources_[view.slot]->interested == 0) {
                drop(*sources_[view.slot]->transport, DropReason::no_legs);
            }
            continue;
        }
        for (std::uint32_t first = 0; first < view.leg_count; first += burst) {
            const std::uint32_t count = view.leg_count - first < burst ? view.leg_count - first : burst;
            rte_mbuf* mbufs[burst];
            if (rte_pktmbuf_alloc_bulk(config_.tx_pool, mbufs, count) != 0) {
                drop(DropReason::tx_pool_empty, count);
                for (std::uint32_t i = 0; trace_ != nullptr && i < count; ++i)
                    trace_drop(view.legs[first + i]->hot.transport, DropReason::tx_pool_empty, 1);
                continue;
            }
            srtp::SealJob jobs[burst];
            Egress egress[burst];
            std::size_t ready = 0;
            for (std::uint32_t i = 0; i < count; ++i) {
                table::Leg& leg = *view.legs[first + i];
                if (i + 1 < count) rte_prefetch0(view.legs[first + i + 1]);
                if (prepare(leg, *packet, mbufs[i], jobs[ready])) {
                    egress[ready++] = {mbufs[i], &leg};
                } else {
                    rte_pktmbuf_free(mbufs[i]);
                }
            }
            StageTimer timer(*this, Stage::seal);
            timer.packets = ready;
            if (capture_ != nullptr || trace_ != nullptr) [[unlikely]]
                observe_sealing(*packet, {jobs, ready}, egress);
            engine_->sealer().seal_rtp({jobs, ready});
            for (std::size_t i = 0; i < ready; ++i) {
                if (jobs[i].out_len == 0) {
                    rte_pktmbuf_free(egress[i].mbuf);
                    continue;
                }
                table::Leg& leg = *egress[i].leg;
                ++leg.hot.packets;
                leg.hot.octets += jobs[i].payload_len;
                ++leg.counters->packets;
                leg.counters->bytes += jobs[i].out_len;
                send_mbuf(*leg.hot.transport, egress[i].mbuf, jobs[i].out_len);
                ++counters_->rtp_out;
            }
            const auto ns =
                static_cast<std::uint64_t>(config_.clock.to_ns(TscClock::ticks()) - config_.clock.to_ns(packet->rx_tsc));
            count_log2(counters_->latency_ns, ns, ready);
        }
    }
}

bool Worker::stage_fanout() noexcept {
    if (due_.empty()) return false;
    StageTimer timer(*this, Stage::fanout);
    timer.packets = due_.size();
    for (table::SourceView* view : due_) {
        view->due = false;
        fan_out(*view);
    }
    due_.clear();
    return true;
}

// Answers a NACK: as RTX (RFC 4588) where the viewer takes it, otherwise as the byte-identical packet.
void Worker::resend(table::Leg& leg, std::uint16_t sequence) noexcept {
    ++leg.counters->nacks;
    table::Transport& t = *leg.hot.transport;
    const auto id = static_cast<std::uint64_t>(leg.id);
    trace(t.id, abi::TraceKind::nack_asked, id, {leg.hot.ssrc, sequence});
    const auto origin = leg.hot.rewriter.origin_of(sequence);
    const table::MediaPacket* packet = nullptr;
    if (origin && origin->switches_ago == 0 && leg.view != nullptr) packet = leg.view->by_index(origin->seq);
    if (packet == nullptr || t.hot.tx == nullptr || !t.hot.has_path) {
        ++leg.counters->nack_misses;
        trace(t.id, abi::TraceKind::nack_missed, id, {leg.hot.ssrc, sequence});
        return drop(t, DropReason::nack_not_in_history);
    }
    const abi::LegPayload& payload = leg.hot.payloads[packet->payload_index];
    const bool as_rtx = leg.rtx_ssrc != 0 && payload.rtx_payload_type != 0xff;
    // One index never seals two different packets, not even two headers (RFC 7714 section 8.1).
    if (!as_rtx && (payload.payload_type == 0xff || origin->index < leg.header_since_index)) {
        ++leg.counters->nack_misses;
        trace(t.id, abi::TraceKind::nack_missed, id, {leg.hot.ssrc, sequence});
        return drop(t, DropReason::nack_not_in_history);
    }
    const ByteView original = payload_for(leg.hot, *packet);
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
            leg.counters->rtx_reserved.store(leg.rtx_reserved, std::memory_order_release);
        }
    } else {
        job.payload = original.data();
        job.payload_len = static_cast<std::uint16_t>(original.size());
        job.index = origin->index;
        job.ssrc = leg.hot.ssrc;
    }
    const std::uint8_t payload_type = as_rtx ? payload.rtx_payload_type : payload.payload_type;
    job.header_len = static_cast<std::uint16_t>(
        write_header(leg, *packet, payload_type, static_cast<std::uint16_t>(job.index), timestamp, job.ssrc, rtp));
    if (job.header_len + job.payload_len + srtp::rtp_overhead(t.suite) > t.hot.max_payload) {
        rte_pktmbuf_free(mbuf);
        return drop(t, DropReason::tx_over_mtu);
    }
    if (capture_ != nullptr) [[unlikely]]
        capture_plaintext(t, abi::Direction::tx, t.hot.path, {rtp, job.header_len}, {job.payload, job.payload_len});
    engine_->sealer().seal_rtp({&job, 1});
    if (job.out_len == 0) return rte_pktmbuf_free(mbuf);
    ++leg.counters->rtx_packets;
    ++counters_->rtx_out;
    trace(t.id, abi::TraceKind::nack_answered, id,
          {leg.hot.ssrc, sequence, as_rtx, as_rtx ? static_cast<std::uint16_t>(job.index) : 0u});
    send_mbuf(t, mbuf, job.out_len);
}

}  // namespace sluice::worker
