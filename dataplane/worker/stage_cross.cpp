// Messages from the other workers.

#include <rte_mbuf.h>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {

void Worker::view_packet(table::SourceView& view, table::MediaPacket* packet) noexcept {
    if (view.full()) [[unlikely]] {
        drop(DropReason::fanout_overrun, view.leg_count - view.walked);
        view.skip();
    }
    view.push(packet);
    // Two for one, so that each source's history shrinks by as much as it sends.
    if (table::runs_low(*packet)) view.trim(2);
    due_.push(view);
}

bool Worker::stage_cross() noexcept {
    bool worked = false;
    for (std::size_t from = 0; from < config_.peers.size(); ++from) {
        const Peer& peer = config_.peers[from];
        if (peer.in == nullptr) continue;
        CrossMessage messages[burst];
        const std::size_t count = peer.in->pop_burst(messages);
        worked |= count != 0;
        for (std::size_t i = 0; i < count; ++i) cross_message(messages[i], static_cast<std::uint16_t>(from));
    }
    return worked;
}

void Worker::cross_message(const CrossMessage& m, std::uint16_t from) noexcept {
    switch (m.kind) {
        case CrossKind::datagram: return frame_received(m.datagram, iteration_tsc_, from, m.slot != 0);
        case CrossKind::keyframe_request: {
            table::Source* s = sources_[m.slot];
            if (s != nullptr && static_cast<std::uint64_t>(s->id) == m.source) keyframe_requested(*s);
            return;
        }
        case CrossKind::transport: return take_over(*m.move);
        case CrossKind::flow_learned: return (void)table_.lead_flow(m.flow(), from);
        case CrossKind::flow_lost: return table_.forget_flow(m.flow(), from);
        case CrossKind::packet:
        case CrossKind::sender_report: break;
    }
    table::SourceView* view = views_[m.slot];
    const bool current = view != nullptr && static_cast<std::uint64_t>(view->source) == m.source;
    if (m.kind == CrossKind::sender_report) {
        if (current) view->clock.on_sender_report(m.ntp, m.rtp_timestamp, m.arrival_ns);
    } else if (current) {
        if (!view->clock.has_sender_report()) view->clock.on_packet(m.packet->timestamp, now_ns_, unix_ns());
        view_packet(*view, m.packet);
    } else {
        release(m.packet);
    }
}

}  // namespace sluice::worker
