// Ownership of transports moves from worker to worker; worker/stage_move.cpp tells what the workers do.
//
// Theory of operation. A move is a wish (TransportSpec::owner) that is fulfilled when it can be. First the new worker gets
// views of what the legs follow, and room for the legs in them; while it has none of its own they are held as if it had.
// Then the old worker is asked to let go. It does not as long as a leg lags behind what the new worker has, and is asked
// again later, a bounded number of times; after that the transport stays where it is. Once it has let go, the new worker is
// asked to confirm. From the asking to the confirmation, some turns of the two workers, nothing else is applied: so no
// command ever meets a transport between two owners. What is changed before that (legs, sources) makes the views anew.

#include <algorithm>

#include "dataplane/control/registry.hpp"

namespace sluice::control {
namespace {

using worker::Command;
using worker::Op;

constexpr std::size_t at_once = 32;          // handed over together
constexpr std::uint32_t polls_between = 16;  // about as many milliseconds
constexpr std::uint32_t max_tries = 200;     // some seconds: a newcomer's replay takes half a second

}  // namespace

// After each UPSERT: begins what its owner asks for, or ends what it no longer asks for.
void Registry::want_owner(Id id, TransportRecord& record) {
    const auto to = static_cast<std::uint16_t>(record.spec.owner - 1);
    if (const auto at = moving_.find(id); at != moving_.end()) {
        if (at->second.to == to) return;
        release(at->second.holds, at->second.to);
        moving_.erase(at);
    }
    if (to == record.owner) return;
    Moving& moving = moving_[id];
    moving.to = to;
    make_views(record, moving);
}

void Registry::stay(Id id, TransportRecord& record) {
    record.spec.owner = static_cast<std::uint16_t>(record.owner + 1);
    want_owner(id, record);
}

std::vector<Registry::Hold> Registry::followed_by(const TransportRecord& record) const {
    std::vector<Hold> holds;
    for (const Id leg : record.legs) {
        const Id source = raw(legs_.at(leg).spec.source);
        if (sources_.contains(source)) holds.push_back({leg, source});
    }
    return holds;
}

void Registry::make_views(const TransportRecord& record, Moving& moving) {
    moving.phase = Phase::views;
    moving.token = next_move_token_++;
    std::vector<Hold> before = std::exchange(moving.holds, followed_by(record));
    for (const Hold& hold : moving.holds) {
        ViewRecord& view = view_on(sources_.at(hold.source), moving.to, moving.token);
        auto c = command(Op::grow_view, moving.token);
        make_room(view, *c);
        if (c->legs == nullptr) continue;
        c->view = view.object.get();
        c->garbage = view.object;
        send(moving.to, std::move(c));
    }
    release(before, moving.to);
}

void Registry::release(const std::vector<Hold>& holds, std::uint16_t worker) {
    for (const Hold& hold : holds) {
        const auto source = sources_.find(hold.source);  // gone with all its views?
        if (source != sources_.end() && source->second.views.contains(worker)) leave_view(source->second, worker, no_token);
    }
}

void Registry::advance_moves() {
    if (handing_over()) return;
    for (auto next = moving_.begin(); next != moving_.end() && handing_over_ < at_once;) {
        const auto at = next++;
        Moving& moving = at->second;
        TransportRecord& record = transports_.at(at->first);
        if (moving.pause != 0) {
            --moving.pause;
        } else if (followed_by(record) != moving.holds) {
            make_views(record, moving);
        } else if (commands(moving.token) == 0) {
            if (++moving.tries > max_tries)
                stay(at->first, record);
            else
                ask_to_leave(at->first, record, moving);
        }
    }
}

void Registry::ask_to_leave(Id id, const TransportRecord& record, Moving& moving) {
    moving.phase = Phase::leaving;
    ++handing_over_;
    auto c = command(Op::move_out, no_token);
    c->move = std::make_shared<worker::Move>();
    worker::Move& m = *c->move;
    m.transport = record.object.get();
    m.from = record.owner;
    m.to = moving.to;
    for (const Id leg_id : record.legs) {
        const LegRecord& leg = legs_.at(leg_id);
        worker::MovingLeg& part = m.legs.emplace_back();
        part.leg = leg.object.get();
        if (const auto source = sources_.find(raw(leg.spec.source)); source != sources_.end())
            part.view = source->second.views.at(moving.to).object.get();
    }
    c->garbage = record.object;
    c->transport_id = id;
    send(record.owner, std::move(c));
}

// Every command that has been carried out.
void Registry::came_home(Command& c) {
    if (c.op == Op::remove_transport && c.reach != nullptr) {
        auto next = command(Op::lead, no_token);
        next->forgotten = std::move(c.reach);
        next->owner = c.owner;
        return send(c.port_worker, std::move(next));
    }
    if (c.op == Op::move_in) return has_moved(c.transport_id, c);
    if (c.op != Op::move_out) return;
    Moving& moving = moving_.at(c.transport_id);
    if (!c.move->left) {
        moving.phase = Phase::views;
        moving.pause = polls_between;
        --handing_over_;
        return;
    }
    moving.phase = Phase::arriving;
    auto next = command(Op::move_in, no_token);
    next->move = std::move(c.move);
    next->garbage = c.garbage;
    next->transport_id = c.transport_id;
    send(moving.to, std::move(next));
}

void Registry::has_moved(Id id, Command& c) {
    const worker::Move& m = *c.move;
    TransportRecord& record = transports_.at(id);
    record.owner = m.to;
    for (const Id leg : record.legs) legs_.at(leg).worker = m.to;
    // What was held for the legs is theirs now, and what they had there is free.
    release(moving_.at(id).holds, m.from);
    moving_.erase(id);
    if (m.windows != nullptr) {
        auto next = command(Op::give_back_windows, no_token);
        next->windows = m.windows;
        send(m.from, std::move(next));
    }
    if (record.spec.worker != m.from && record.spec.worker != m.to) {
        auto next = command(Op::lead, no_token);
        next->reach = std::make_unique<worker::Reach>(m.reach);
        next->owner = m.to;
        send(record.spec.worker, std::move(next));
    }
    if (--handing_over_ != 0) return;
    for (const HeldNextHop& held : std::exchange(next_hops_held_, {}))
        set_next_hop(held.transport, held.destination, held.next_hop);
}

// The worker whose port it has must know its username fragments, as they are from now on.
void Registry::lead_fragments(const TransportRecord& record, const abi::TransportSpec& next, std::uint64_t token) {
    if (record.owner == record.spec.worker) return;
    const auto fragment = [](const abi::IceCredentials& c) { return table::ufrag_key({c.ufrag.data(), c.ufrag.size()}); };
    auto c = command(Op::lead, token);
    c->forgotten = std::make_unique<worker::Reach>();
    c->forgotten->ufrags = {fragment(record.spec.ice), fragment(record.spec.previous_ice)};
    c->reach = std::make_unique<worker::Reach>();
    c->reach->ufrags = {fragment(next.ice), fragment(next.previous_ice)};
    c->owner = record.owner;
    send(record.spec.worker, std::move(c));
}

}  // namespace sluice::control
