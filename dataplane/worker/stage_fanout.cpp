// From the source rings to the viewers: one header per format, one seal per leg, out of place from the shared plaintext.
//
// Theory of operation. Views with packets stand in a queue and are taken in turn, a quantum of legs at a time, so that a
// room of ten thousand delays nobody else's packet by more than a quantum, and the worker goes back to its rx queue after a
// budget of legs. Legs are prepared one after the other into a batch (memory of the next ones is asked for ahead), which is
// sealed as a whole and handed to the port. When the port takes no more, fan-out stops where it is: packets wait in the
// source ring, once, and not as thousands of sealed copies. Only when a ring is full does its oldest packet go unsent, by
// name.

#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

// Of legs: about 40 us of work between two looks at the rx queue, and a quarter of that for one view.
constexpr std::uint32_t turn_budget = 256;
constexpr std::uint32_t quantum = 64;
// Ahead of the leg being prepared, which takes about 30 ns. Its memory comes from L3 or DRAM in a large room.
constexpr std::uint32_t prefetch_legs = 8;
constexpr std::uint32_t publish_every = 16;  // packets of a leg

}  // namespace

// A leg that is not level, or has no way out. True if it is sent this packet all the same.
bool Worker::join_in(table::Leg& leg, const table::Transport& t, const table::MediaPacket& packet) noexcept {
    table::LegHot& hot = leg.hot;
    if (hot.is(table::leg_state_paused) || t.hot.tx == nullptr) return false;
    if (t.hot.has_path && !t.hot.started) return false;  // it has no keys yet
    if (!t.hot.has_path) {
        drop(t, DropReason::tx_no_path);
        return false;
    }
    if (hot.is(table::leg_state_awaiting_keyframe)) {
        if (!packet.keyframe_start) return false;
        hot.set(table::leg_state_awaiting_keyframe, false);
    }
    return true;
}

bool Worker::prepare(const table::LegRef& ref, const table::MediaPacket& packet, const LegHeader& header,
                     rte_mbuf* mbuf) noexcept {
    table::LegHot& hot = ref.leg->hot;
    table::Transport& t = *ref.transport;
    table::TransportHot& path = t.hot;
    if (hot.state != 0 || path.tx == nullptr || !path.has_path) [[unlikely]] {
        if (!join_in(*ref.leg, t, packet)) return false;
    }
    if (header.types.payload_type == 0xff) {
        drop(t, DropReason::leg_no_payload_type);
        return false;
    }
    if (hot.is(table::leg_state_switching)) [[unlikely]] {
        hot.rewriter.switch_source(packet.index, packet.timestamp, now_ns_, ref.leg->clock_rate);
        hot.set(table::leg_state_switching, false);
    }
    media::LegRewriter::Out out;
    if (!hot.rewriter.map_next(packet.index, packet.timestamp, now_ms_, out)) [[unlikely]] {
        const auto mapped = hot.rewriter.map(packet.index, packet.timestamp, now_ns_);
        if (!mapped) {
            drop(t, DropReason::leg_late);
            return false;
        }
        out = *mapped;
    }
    const auto sealed = static_cast<std::uint16_t>(header.length + header.payload_length + path.rtp_overhead);
    if (sealed > path.max_payload) {
        drop(t, DropReason::tx_over_mtu);
        return false;
    }
    if (packet.keyframe_start) [[unlikely]]
        ref.leg->keyframe_ns = now_ns_;
    if (out.index >= hot.reserved_index) [[unlikely]] {
        hot.reserved_index = out.index + abi::reservation_step;
        hot.counters->rtp_reserved.store(hot.reserved_index, std::memory_order_release);
    }
    std::uint8_t* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    std::uint8_t* rtp = frame + path.path.header_length();
    header.lay(rtp, static_cast<std::uint16_t>(out.index), out.ts, hot.ssrc, hot.mid);
    start_udp(path.path, mbuf, sealed);
    const std::uint16_t at = batch_.count++;
    if (hot.packets == 0) [[unlikely]]
        batch_.first |= std::uint64_t{1} << at;
    hot.last_timestamp = out.ts;
    ++hot.packets;
    hot.octets += header.payload_length;
    hot.bytes += sealed;
    ++path.tx_packets;
    path.tx_bytes += mbuf->data_len;

    batch_.jobs[at] = {path.tx, rtp, header.length, header.payload_length, header.payload, out.index, hot.ssrc, 0};
    batch_.mbufs[at] = mbuf;
    batch_.legs[at] = ref.leg;
    batch_.transports[at] = &t;
    batch_.packets[at] = &packet;
    return true;
}

void Worker::seal_batch() noexcept {
    const std::uint16_t count = batch_.count;
    if (count == 0) return;
    batch_.count = 0;
    StageTimer timer(*this, Stage::seal);
    timer.packets = count;
    if (capture_ != nullptr || trace_ != nullptr) [[unlikely]]
        observe_sealing(batch_, count);
    batch_.first = 0;
    engine_->sealer().seal_rtp({batch_.jobs.data(), count});
    for (std::uint16_t i = 0; i < count; ++i) {
        const srtp::SealJob& job = batch_.jobs[i];
        rte_mbuf* mbuf = batch_.mbufs[i];
        if (job.out_len == 0) [[unlikely]] {
            unsend(*batch_.legs[i], *batch_.transports[i], job, mbuf->data_len);
            rte_pktmbuf_free(mbuf);
            continue;
        }
        if (!udp_checksum_offload_)
            batch_.transports[i]->hot.path.fill_udp_checksum(rte_pktmbuf_mtod(mbuf, std::uint8_t*), job.out_len);
        tx_[tx_count_++] = mbuf;
        ++counters_->rtp_out;
    }
    const std::int64_t now = config_.clock.to_ns(TscClock::ticks());
    for (std::uint16_t i = 0; i < count;) {
        const table::MediaPacket* packet = batch_.packets[i];
        const std::uint16_t first = i;
        while (i < count && batch_.packets[i] == packet) ++i;
        count_log2(counters_->latency_ns, static_cast<std::uint64_t>(now - config_.clock.to_ns(packet->rx_tsc)),
                   static_cast<std::uint64_t>(i - first));
    }
}

// The sealer had no use for it: it is as if the packet had been lost on its way to this viewer.
void Worker::unsend(table::Leg& leg, table::Transport& t, const srtp::SealJob& job, std::uint16_t frame_bytes) noexcept {
    --leg.hot.packets;
    leg.hot.octets -= job.payload_len;
    leg.hot.bytes -= static_cast<std::uint32_t>(job.header_len + job.payload_len) + t.hot.rtp_overhead;
    --t.hot.tx_packets;
    t.hot.tx_bytes -= frame_bytes;
    drop(t, DropReason::seal_failed);
}

// Room in the batch, after sealing and sending if need be. 0: the port is full.
std::uint16_t Worker::egress_room() noexcept {
    const auto room = [&] {
        const int tx = tx_batch - tx_count_ - batch_.count;
        return static_cast<std::uint16_t>(tx > 0 ? tx : 0);
    };
    if (room() == 0) {
        seal_batch();
        flush_tx();
    }
    return room();
}

// Gives the packet at the cursor to up to `quota` legs. Returns how many were looked at: fewer when the port is full.
std::uint32_t Worker::walk(table::SourceView& view, std::uint32_t quota) noexcept {
    const table::MediaPacket& packet = *view.at(view.cursor);
    const std::uint32_t begin = view.walked;
    const std::uint32_t end = begin + std::min(quota, view.leg_count - begin);
    const bool exact = exact_counters();
    std::uint32_t prepared = 0;  // bit per format
    for (std::uint32_t i = begin; i < end && i < begin + prefetch_legs; ++i) look_ahead(view.legs[i]);
    while (view.walked < end) {
        const std::uint16_t room = egress_room();
        if (room == 0) break;
        rte_mbuf* mbufs[tx_batch];
        const auto count = static_cast<std::uint16_t>(std::min<std::uint32_t>(room, end - view.walked));
        if (rte_pktmbuf_alloc_bulk(config_.tx_pool, mbufs, count) != 0) {
            drop(DropReason::tx_pool_empty, count);
            for (std::uint32_t i = 0; trace_ != nullptr && i < count; ++i)
                trace_drop(view.legs[view.walked + i].transport, DropReason::tx_pool_empty, 1);
            view.walked += count;
            continue;
        }
        std::uint16_t used = 0;
        for (const std::uint32_t stop = view.walked + count; view.walked < stop; ++view.walked) {
            const table::LegRef& ref = view.legs[view.walked];
            if (view.walked + prefetch_legs < end) look_ahead(view.legs[view.walked + prefetch_legs]);
            table::LegHot& hot = ref.leg->hot;
            if (hot.is(table::leg_state_catching_up)) continue;
            LegHeader& header = headers_[hot.format];
            if (hot.format == table::FormatTable::own) {
                header.prepare(ref.leg->format, packet);
            } else if ((prepared >> hot.format & 1) == 0) {
                header.prepare(view.formats[hot.format], packet);
                prepared |= 1U << hot.format;
            }
            if (!prepare(ref, packet, header, mbufs[used])) continue;
            ++used;
            if (exact || hot.packets % publish_every == 0) publish(*ref.leg, *ref.transport);
        }
        if (used < count) rte_pktmbuf_free_bulk(mbufs + used, static_cast<unsigned>(count - used));
    }
    return view.walked - begin;
}

void Worker::publish(table::Leg& leg, table::Transport& t) noexcept {
    leg.hot.publish(unix_now_ns_);
    t.hot.publish();
}

// The view's turn. True if it has more to do, and could.
bool Worker::fan_out(table::SourceView& view, std::uint32_t& budget) noexcept {
    std::uint32_t left = std::min(budget, quantum);
    budget -= left;
    bool blocked = false;
    while (view.cursor != view.head && left != 0 && !blocked) {
        if (view.leg_count == 0) {
            if (view.owner == config_.id && sources_[view.slot] != nullptr && sources_[view.slot]->interested == 0)
                drop(*sources_[view.slot]->transport, DropReason::no_legs);
            view.skip();
            continue;
        }
        const std::uint32_t done = walk(view, left);
        left -= done;
        if (view.walked >= view.leg_count)
            view.skip();
        else
            blocked = left != 0;
    }
    budget += left;
    return !blocked;
}

bool Worker::stage_fanout() noexcept {
    const bool catching = catching_ != nullptr && now_ns_ >= next_catch_up_ns_;
    if (due_.empty() && !catching) return false;
    StageTimer timer(*this, Stage::fanout);
    const std::uint64_t sealed = counters_->rtp_out;
    now_ms_ = static_cast<std::uint32_t>(now_ns_ / 1'000'000);
    unix_now_ns_ = unix_ns();
    std::uint32_t budget = turn_budget;
    bool blocked = false;
    while (!due_.empty() && budget != 0 && !blocked) {
        table::SourceView& view = due_.pop();
        look_ahead(due_);
        blocked = !fan_out(view, budget);
        if (view.cursor != view.head) due_.push(view);
        ++timer.packets;
    }
    if (catching && !blocked) catch_up(turn_budget / 4 + budget / 2);
    seal_batch();
    return !blocked || counters_->rtp_out != sealed;
}

}  // namespace sluice::worker
