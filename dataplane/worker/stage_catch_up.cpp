// The keyframe cache: who joins shortly after a keyframe is sent it from the source ring, and every later packet, faster
// than they came, until they are level with the others. So a crowd of newcomers costs the publisher one keyframe.
//
// Theory of operation. A leg that catches up has a position of its own in its view's ring and stands in the worker's list of
// such legs; the group passes it by. It is sent a packet when that packet is due at three times real time, counted from the
// arrival of the keyframe, so that a newcomer's link is not flooded; numbers are contiguous and timestamps original, for it
// is the same rewriting as ever. All legs together have a budget of packets per turn, in turn, after those who are level. A
// keyframe that is too old, or too far back in bytes, is not replayed: then the leg waits for the next one, which is asked
// for.

#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

constexpr std::int64_t max_age_ns = 1'500'000'000;
constexpr std::uint64_t max_bytes = 512 * 1024;
constexpr std::uint64_t speed = 3;               // times real time
constexpr std::uint32_t packets_per_visit = 64;  // a whole picture for one is better than a part for each
constexpr std::int64_t idle_pause_ns = 1'000'000;

}  // namespace

// A leg that can be sent to from now on, and has a source: with the last keyframe, or with the next one.
void Worker::start_leg(table::Leg& leg) noexcept {
    if (!leg.hot.is(table::leg_state_awaiting_keyframe) || leg.hot.is(table::leg_state_paused)) return;
    const table::SourceView& view = *leg.view;
    // One is waiting in the ring for its turn: this leg will be given it with the others.
    const bool ahead = view.keyframe != table::SourceView::no_keyframe && view.keyframe >= level_of(leg);
    if (!ahead && !begin_catch_up(leg, view)) request_keyframe(*leg.view);
}

void Worker::start_legs(table::Transport& t) noexcept {
    if (t.hot.started || t.hot.tx == nullptr || !t.hot.has_path || now_ns_ < t.start_ns) return;
    t.hot.started = true;
    for (table::Leg* leg = t.first_leg; leg != nullptr; leg = leg->next_of_transport) {
        if (leg->view != nullptr) start_leg(*leg);
    }
}

// The peer has its keys: it was sent the last flight of the handshake, or has sent us something under them.
void Worker::peer_has_keys(table::Transport& t) noexcept {
    if (t.hot.started || t.hot.tx == nullptr) return;
    t.start_ns = 0;
    start_legs(t);
}

// True if the leg is sent what the ring holds since the last keyframe.
bool Worker::begin_catch_up(table::Leg& leg, const table::SourceView& view) noexcept {
    if (view.keyframe == table::SourceView::no_keyframe || view.keyframe < view.tail || view.keyframe > view.cursor)
        return false;
    const table::MediaPacket* first = view.at(view.keyframe);
    if (first == nullptr || view.bytes - view.keyframe_bytes > max_bytes) return false;
    const std::int64_t age = config_.clock.to_ns(TscClock::ticks()) - config_.clock.to_ns(first->rx_tsc);
    if (age > max_age_ns) return false;
    leg.hot.set(table::leg_state_awaiting_keyframe, false);
    leg.catch_position = view.keyframe;
    leg.catch_from_tsc = first->rx_tsc;
    leg.catch_since_tsc = TscClock::ticks();
    enlist(leg);
    ++counters_->catch_ups;
    return true;
}

// Behind all others, in a ring.
void Worker::enlist(table::Leg& leg) noexcept {
    leg.hot.set(table::leg_state_catching_up, true);
    if (catching_ == nullptr) {
        catching_ = leg.catch_next = leg.catch_previous = &leg;
    } else {
        leg.catch_next = catching_;
        leg.catch_previous = catching_->catch_previous;
        leg.catch_next->catch_previous = &leg;
        leg.catch_previous->catch_next = &leg;
    }
}

void Worker::end_catch_up(table::Leg& leg) noexcept {
    if (!leg.hot.is(table::leg_state_catching_up)) return;
    leg.hot.set(table::leg_state_catching_up, false);
    leg.catch_previous->catch_next = leg.catch_next;
    leg.catch_next->catch_previous = leg.catch_previous;
    if (catching_ == &leg) catching_ = leg.catch_next == &leg ? nullptr : leg.catch_next;
    leg.catch_next = leg.catch_previous = nullptr;
    leg.resuming = false;
}

// Too late for what the ring held: as if it had never been there.
void Worker::miss_replay(table::Leg& leg) noexcept {
    end_catch_up(leg);
    leg.hot.set(table::leg_state_awaiting_keyframe, leg.view->kind == abi::MediaKind::video);
    leg.hot.set(table::leg_state_switching, true);  // what it is not sent leaves no gap in its numbers
}

// Where the group goes on for this leg: those in front of `walked` have been passed by with the packet at the cursor.
std::uint64_t Worker::level_of(const table::Leg& leg) noexcept {
    const table::SourceView& view = *leg.view;
    return view.cursor + (leg.position < view.walked ? 1 : 0);
}

// Returns how many packets it was sent.
std::uint32_t Worker::catch_up_leg(table::Leg& leg) noexcept {
    table::SourceView& view = *leg.view;
    table::Transport& t = *leg.hot.transport;
    if (!leg.hot.is(table::leg_state_paused) && leg.resuming && !locate(leg)) return 0;
    if (!leg.hot.is(table::leg_state_catching_up)) return 0;
    if (leg.hot.is(table::leg_state_paused) || leg.catch_position < view.tail) {
        // One that has moved was in the middle of the stream.
        if (!leg.hot.is(table::leg_state_paused) && leg.catch_from_tsc == leg.catch_since_tsc)
            drop(t, DropReason::fanout_overrun, level_of(leg) - leg.catch_position);
        miss_replay(leg);
        request_keyframe(view);
        return 0;
    }
    // Began within this iteration: the clock of which is behind.
    const auto since = static_cast<std::int64_t>(iteration_tsc_ - leg.catch_since_tsc);
    const std::uint64_t due_tsc = leg.catch_from_tsc + speed * static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0));
    std::uint32_t sent = 0;
    // One that has moved may be ahead of the group here, and then waits for it.
    while (sent < packets_per_visit && leg.catch_position < level_of(leg)) {
        const table::MediaPacket& packet = *view.at(leg.catch_position);
        if (packet.rx_tsc > due_tsc) return sent;
        if (egress_room() == 0) return sent;
        rte_mbuf* mbuf = rte_pktmbuf_alloc(config_.tx_pool);
        if (mbuf == nullptr) return sent;  // a later turn may find one
        LegHeader& header = headers_[table::FormatTable::own];
        header.prepare(leg.format, packet);
        leg.hot.set(table::leg_state_catching_up, false);
        const bool taken = prepare({&leg, &t}, packet, header, mbuf);
        leg.hot.set(table::leg_state_catching_up, true);
        if (!taken) rte_pktmbuf_free(mbuf);
        ++leg.catch_position;
        ++sent;
    }
    publish(leg, t);
    if (leg.catch_position == level_of(leg)) end_catch_up(leg);
    return sent;
}

// `budget`: packets of this turn.
void Worker::catch_up(std::uint32_t budget) noexcept {
    std::uint32_t visits = budget;
    bool any = false;
    const table::Leg* idle_since = nullptr;
    while (catching_ != nullptr && budget != 0 && visits != 0) {
        table::Leg& leg = *catching_;
        catching_ = leg.catch_next;
        const std::uint32_t sent = catch_up_leg(leg);
        budget -= std::min(budget, sent);
        any |= sent != 0;
        --visits;
        if (sent != 0) {
            idle_since = nullptr;
        } else if (idle_since == nullptr) {
            idle_since = &leg;
        } else if (idle_since == &leg) {
            break;  // a whole round without a packet
        }
    }
    if (!any) next_catch_up_ns_ = now_ns_ + idle_pause_ns;
}

}  // namespace sluice::worker
