// A viewer's transport changes its owner: another worker serves it from now on, with all of its legs. Its UDP port stays
// what it was, and so does everything that its peer sees.
//
// Theory of operation. Main sees to it that the new worker has views of all that the legs follow, and is sent the packets
// (SourceView::since says from where on). Then it asks the old worker, which lets go only when nothing would be lost: each
// leg is past the point from which on the new worker has the packets, and no frame of ours waits for the port, so that what
// the new worker sends cannot overtake it. It unlinks everything and hands it over by a message in the ring between the two,
// behind whatever it has sent there before; if the port is its own, datagrams that come from then on go behind it in the
// same ring. So none arrives too early, and none too late.
//
// Each source's packets are numbered by its worker as they are published (MediaPacket::order), the same on every worker.
// A leg continues with the order that it would have been sent next: from the ring if the new worker is ahead (a cursor of
// its own, as in stage_catch_up.cpp, but at full speed), later if it is behind. Everything else moves with the objects:
// keys, indices and their reservations, replay windows, RTX state, counters.
//
// Datagrams come to the worker whose port they are for, always. Where that is not the owner, its flow table leads to the
// owner (table/flow_table.hpp), and the hand-over ring carries them. The owner tells it of each flow that it learns; main
// tells it of username fragments, and of everything that is gone.

#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/worker/move.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

using table::Leg;
using table::SourceView;

}  // namespace

std::uint16_t Worker::port_worker(std::uint16_t local_port) const noexcept {
    const auto worker = static_cast<std::uint16_t>(local_port - config_.first_udp_port);
    return worker < config_.workers ? worker : config_.id;
}

// The order of the packet that the leg is sent next.
std::uint64_t Worker::next_order(const Leg& leg) noexcept {
    if (leg.resuming) return leg.resume_order;
    return leg.view->order_at(leg.hot.is(table::leg_state_catching_up) ? leg.catch_position : level_of(leg));
}

// False: nothing was promised to it that it could miss.
bool Worker::in_stream(const Leg& leg) noexcept {
    if (leg.view == nullptr || leg.hot.is(table::leg_state_paused) || !leg.hot.transport->hot.started) return false;
    if (leg.hot.is(table::leg_state_catching_up)) return leg.resuming || leg.catch_position >= leg.view->tail;
    return !leg.hot.is(table::leg_state_awaiting_keyframe);
}

bool Worker::may_leave(const Move& m) noexcept {
    const CrossRing& ring = *config_.peers[m.to].out;
    if (ring.size() == ring.capacity()) return false;
    for (const MovingLeg& moving : m.legs) {
        if (!in_stream(*moving.leg)) continue;
        if (moving.view == nullptr || next_order(*moving.leg) < moving.view->since.load(std::memory_order_acquire))
            return false;
    }
    flush_tx();
    return tx_count_ == 0;
}

void Worker::move_out(Move& m) noexcept {
    m.left = may_leave(m);
    m.arrived = false;
    if (!m.left) return;
    table::Transport& t = *m.transport;
    for (MovingLeg& moving : m.legs) {
        Leg& leg = *moving.leg;
        if (leg.view == nullptr) continue;
        moving.in_stream = in_stream(leg);
        moving.replaying = moving.in_stream && leg.hot.is(table::leg_state_catching_up);
        if (moving.in_stream) moving.order = next_order(leg);
        moving.clock = leg.view->clock;
        // Fell out of what the ring holds, and has not been told: on the other side it begins anew.
        if (!moving.in_stream && leg.hot.is(table::leg_state_catching_up)) miss_replay(leg);
        detach(leg);
    }
    m.reach = reach_of(t);
    // What comes for it here goes to the other one.
    for (std::uint8_t i = 0; i < t.flow_count; ++i) {
        const table::FlowKey key = table::key_of(t.flows[i]);
        if (port_worker(key.local_port) == config_.id)
            table_.lead_flow(key, m.to);
        else
            table_.remove_flow(key, &t);
    }
    for (const std::uint64_t ufrag : m.reach.ufrags) {
        if (ufrag == 0) continue;
        if (t.hot.counters->port_worker == config_.id)
            table_.lead_ufrag(ufrag, m.to);
        else
            table_.remove_ufrag(ufrag, &t);
    }
    unlist(t);
    counters_->legs -= m.legs.size();
    ++counters_->moved_out;
    trace(t.id, abi::TraceKind::moved, 0, {m.from, m.to});
    CrossMessage message{};
    message.kind = CrossKind::transport;
    message.move = &m;
    (void)config_.peers[m.to].out->push(message);  // there is room
}

void Worker::take_over(Move& m) noexcept {
    table::Transport& t = *m.transport;
    m.arrived = true;
    list(t);
    m.windows = t.rtcp_windows.rehome(rtcp_window_pool_);
    for (std::uint8_t i = 0; i < m.reach.flow_count; ++i) (void)table_.add_flow(m.reach.flows[i], &t);
    for (const std::uint64_t ufrag : m.reach.ufrags) {
        if (ufrag != 0) (void)table_.add_ufrag(ufrag, &t);
    }
    t.hot.counters->worker = config_.id;
    if (t.hot.has_path) (void)stamp_path(t);  // a next hop may have changed meanwhile
    events_owed_ |= t.path_unreported;
    counters_->legs += m.legs.size();
    ++counters_->moved_in;
    for (const MovingLeg& moving : m.legs) {
        Leg& leg = *moving.leg;
        if (moving.view == nullptr) continue;
        SourceView& view = *moving.view;
        // The publisher's reports reach a new view with the next of them, and the viewer's clocks must not jump till then.
        if (!view.clock.has_sender_report()) view.clock = moving.clock;
        view.add(leg, t);
        if (moving.in_stream)
            resume(leg, moving.order, moving.replaying);
        else if (t.hot.started)
            start_leg(leg);
    }
}

// Main's confirmation: it must find the transport here, whichever of the two came first.
void Worker::move_in(const Move& m) noexcept {
    const Peer& peer = config_.peers[m.from];
    CrossMessage message;
    while (!m.arrived && peer.in->pop(message)) cross_message(message, m.from);
}

void Worker::resume(Leg& leg, std::uint64_t order, bool replaying) noexcept {
    leg.resume_order = order;
    leg.resuming = true;
    if (!replaying) leg.catch_from_tsc = leg.catch_since_tsc = TscClock::ticks();  // no pace: see catch_up_leg()
    enlist(leg);
    next_catch_up_ns_ = now_ns_;
    (void)locate(leg);
}

// Where in the ring of this worker a moved leg goes on. False while that packet has not come.
bool Worker::locate(Leg& leg) noexcept {
    SourceView& view = *leg.view;
    if (leg.resume_order > view.order_at(view.head)) return false;
    leg.resuming = false;
    leg.catch_position = view.position_of(leg.resume_order);
    if (leg.catch_position == view.tail && view.tail != view.head) {
        if (const std::uint64_t gap = view.at(view.tail)->order - leg.resume_order; gap != 0) {
            drop(*leg.hot.transport, DropReason::move_gap, gap);
            if (view.kind == abi::MediaKind::video) {
                miss_replay(leg);
                request_keyframe(view);
                return true;
            }
        }
    }
    if (leg.catch_position == level_of(leg)) end_catch_up(leg);
    return true;
}

Reach Worker::reach_of(const table::Transport& t) noexcept {
    Reach reach;
    for (; reach.flow_count < t.flow_count; ++reach.flow_count)
        reach.flows[reach.flow_count] = table::key_of(t.flows[reach.flow_count]);
    reach.ufrags = {t.ice.ufrag, t.previous_ice.ufrag};
    return reach;
}

// Main's word on a transport whose port is ours and whose owner is another.
void Worker::lead(const Reach& reach, std::uint16_t owner) noexcept {
    for (std::uint8_t i = 0; i < reach.flow_count; ++i) (void)table_.lead_flow(reach.flows[i], owner);
    for (const std::uint64_t ufrag : reach.ufrags) {
        if (ufrag != 0) (void)table_.lead_ufrag(ufrag, owner);
    }
}

void Worker::forget(const Reach& reach, std::uint16_t owner) noexcept {
    for (std::uint8_t i = 0; i < reach.flow_count; ++i) table_.forget_flow(reach.flows[i], owner);
    for (const std::uint64_t ufrag : reach.ufrags) {
        if (ufrag != 0) table_.forget_ufrag(ufrag, owner);
    }
}

// Of a flow that a transport of ours gets, or loses. False when the worker that has the port could not be told.
bool Worker::tell_port(const table::FlowKey& key, bool lost) noexcept {
    CrossMessage message{};
    message.kind = lost ? CrossKind::flow_lost : CrossKind::flow_learned;
    message.set_flow(key);
    return config_.peers[port_worker(key.local_port)].out->push(message);
}

bool Worker::may_tell_port(const table::FlowKey& key) const noexcept {
    const std::uint16_t worker = port_worker(key.local_port);
    if (worker == config_.id) return true;
    const CrossRing& ring = *config_.peers[worker].out;
    return ring.capacity() - ring.size() >= 2;
}

// No transport of ours is meant. `owner`: who our table says has it.
void Worker::elsewhere(const Datagram& datagram, std::optional<std::uint16_t> owner, DropReason reason) noexcept {
    const std::uint16_t port = port_worker(datagram.key.local_port);
    CrossMessage message{};
    message.kind = CrossKind::datagram;
    message.datagram = frame_;
    std::uint16_t to = port;
    if (port == config_.id) {
        // Back from there already: it is on its way between two others.
        if (!owner || (datagram.returned && datagram.from == *owner)) return drop(reason);
        to = *owner;
    } else {
        message.slot = 1;  // it has left again; who has the port knows where to
    }
    if (!config_.peers[to].out->push(message)) return drop(DropReason::handover_full);
    frame_ = nullptr;
    ++counters_->handed_on;
}

}  // namespace sluice::worker
