// Main's commands: link and unlink what main has built. Whatever is to be freed goes back with the command.

#include "dataplane/worker/worker.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::worker {
namespace {

constexpr std::int64_t last_flight_wait_ns = 250'000'000;

}  // namespace

bool Worker::stage_commands() noexcept {
    Command* commands[burst];
    const std::size_t count = config_.commands->pop_burst(commands);
    if (count == 0) return false;
    StageTimer timer(*this, Stage::commands);
    timer.packets = count;
    for (std::size_t i = 0; i < count; ++i) {
        apply(*commands[i]);
        // Main never has more commands under way than the done ring holds.
        (void)config_.done->push(commands[i]);
    }
    counters_->commands += count;
    return true;
}

void Worker::apply(Command& c) noexcept {
    switch (c.op) {
        case Op::install_transport: return install_transport(c);
        case Op::update_transport: return update_transport(c);
        case Op::remove_transport:
            if (c.reach != nullptr) *c.reach = reach_of(*c.transport);
            return remove_transport(*c.transport);
        case Op::install_source: return install_source(c);
        case Op::update_source: return update_source(c);
        case Op::remove_source: return remove_source(*c.source);
        case Op::install_view:
            views_[c.view->slot] = c.view;
            if (c.view->owner == config_.id && sources_[c.view->slot] != nullptr) sources_[c.view->slot]->view = c.view;
            return;
        case Op::remove_view:
            due_.erase(*c.view);
            if (sources_[c.view->slot] != nullptr && sources_[c.view->slot]->view == c.view)
                sources_[c.view->slot]->view = nullptr;
            views_[c.view->slot] = nullptr;
            c.view->clear();
            return;
        case Op::set_interest:
            c.source->interested = c.interest;
            if (c.view != nullptr) c.view->since.store(c.source->published, std::memory_order_release);
            return;
        case Op::install_leg: {
            table::Leg& leg = *c.leg;
            leg.hot.rewriter.start(c.leg_spec.start_index, c.leg_spec.start_timestamp);
            leg.hot.transport = c.transport;
            table::Leg*& place =
                c.transport->last_leg == nullptr ? c.transport->first_leg : c.transport->last_leg->next_of_transport;
            place = c.transport->last_leg = &leg;
            apply_leg_spec(leg, c.leg_spec);
            attach(leg, c);
            leg.hot.counters->id.store(static_cast<std::uint64_t>(leg.id), std::memory_order_release);
            ++counters_->legs;
            return;
        }
        case Op::update_leg:
            apply_leg_spec(*c.leg, c.leg_spec);
            if (c.leg->view != c.view) {
                detach(*c.leg);
                attach(*c.leg, c);
            }
            return;
        case Op::remove_leg: {
            table::Leg& leg = *c.leg;
            detach(leg);
            table::Transport& t = *leg.hot.transport;
            table::Leg* before = nullptr;
            for (table::Leg* at = t.first_leg; at != &leg; at = at->next_of_transport) before = at;
            (before == nullptr ? t.first_leg : before->next_of_transport) = leg.next_of_transport;
            if (t.last_leg == &leg) t.last_leg = before;
            t.last_asked = nullptr;
            leg.hot.counters->id.store(0, std::memory_order_release);
            --counters_->legs;
            return;
        }
        case Op::request_keyframe: return keyframe_requested(*c.source);
        case Op::set_capture: std::swap(capture_, c.tap); return;
        case Op::set_trace: std::swap(trace_, c.tap); return;
        case Op::set_next_hop: return set_next_hop(c);
        case Op::update_next_hop: return update_next_hop(c);
        case Op::grow_view: return grow(*c.view, c);
        case Op::move_out: return move_out(*c.move);
        case Op::move_in: return move_in(*c.move);
        case Op::lead:
            if (c.forgotten != nullptr) forget(*c.forgotten, c.owner);
            if (c.reach != nullptr) lead(*c.reach, c.owner);
            return;
        case Op::give_back_windows: return table::RtcpWindows::give_back(c.windows, rtcp_window_pool_);
    }
}

void Worker::install_transport(Command& c) noexcept {
    table::Transport& t = *c.transport;
    list(t);
    t.last_seen_ns = now_ns_;
    update_transport(c);
    t.hot.counters->id.store(static_cast<std::uint64_t>(t.id), std::memory_order_release);
}

void Worker::list(table::Transport& t) noexcept {
    t.position = static_cast<std::uint32_t>(transports_.size());
    transports_.push_back(&t);
}

void Worker::unlist(table::Transport& t) noexcept {
    table::Transport* last = transports_.back();
    transports_[t.position] = last;
    last->position = t.position;
    transports_.pop_back();
}

void Worker::update_transport(Command& c) noexcept {
    table::Transport& t = *c.transport;
    const abi::TransportSpec& spec = c.transport_spec;
    if (t.ice.ufrag != c.ice.ufrag && t.ice.ufrag != 0 && t.ice.ufrag != c.previous_ice.ufrag)
        table_.remove_ufrag(t.ice.ufrag, &t);
    if (t.previous_ice.ufrag != 0 && t.previous_ice.ufrag != c.ice.ufrag && t.previous_ice.ufrag != c.previous_ice.ufrag) {
        table_.remove_ufrag(t.previous_ice.ufrag, &t);
    }
    t.ice = c.ice;
    t.previous_ice = c.previous_ice;
    if (t.ice.ufrag != 0) table_.add_ufrag(t.ice.ufrag, &t);
    if (t.previous_ice.ufrag != 0) table_.add_ufrag(t.previous_ice.ufrag, &t);
    t.validated = (spec.flags & abi::transport_validated) != 0;
    t.rx_extensions = spec.rx_extensions;
    t.sender_ssrc = spec.sender_ssrc;
    t.cname = spec.cname;
    t.cname_length = static_cast<std::uint8_t>(strnlen(spec.cname.data(), spec.cname.size()));
    if (c.keys.tx != nullptr) {
        // Keys of a handshake that ended just now: what the peer still needs to have them too is yet to be injected.
        if (t.keys.tx == nullptr && c.op == Op::update_transport) t.start_ns = now_ns_ + last_flight_wait_ns;
        std::swap(t.keys, c.keys);
        t.suite = static_cast<srtp::Suite>(spec.suite);
        t.hot.tx = t.keys.tx.get();
        t.hot.rtp_overhead = static_cast<std::uint8_t>(srtp::rtp_overhead(t.suite));
        t.rtcp_windows.clear(rtcp_window_pool_);
        if (spec.srtcp_start > t.srtcp_index) t.srtcp_index = spec.srtcp_start;
        trace(t.id, abi::TraceKind::keys_installed, 0, {static_cast<std::uint32_t>(spec.suite)});
    }
    // Only a path that the control plane newly asks for: what a worker learned since is younger than a repetition.
    if (!spec.path.empty() && (spec.path != t.programmed_path || !t.hot.has_path)) {
        t.programmed_path = spec.path;
        learn_flow(t, spec.path);
        set_path(t, spec.path);
    }
    start_legs(t);
}

void Worker::remove_transport(table::Transport& t) noexcept {
    t.hot.counters->id.store(0, std::memory_order_release);
    for (std::uint8_t i = 0; i < t.flow_count; ++i) table_.remove_flow(table::key_of(t.flows[i]), &t);
    if (t.ice.ufrag != 0) table_.remove_ufrag(t.ice.ufrag, &t);
    if (t.previous_ice.ufrag != 0) table_.remove_ufrag(t.previous_ice.ufrag, &t);
    t.rtcp_windows.clear(rtcp_window_pool_);
    if (t.publishing != nullptr) {
        const std::uint32_t position = t.publishing->position;
        publishers_[position] = publishers_.back();
        publishers_[position]->publishing->position = position;
        publishers_.pop_back();
        publisher_times_.remove(position);
    }
    unlist(t);
}

void Worker::install_source(Command& c) noexcept {
    table::Source& s = *c.source;
    table::Transport& t = *c.transport;
    sources_[s.slot] = &s;
    s.view = views_[s.slot];
    if (t.publishing == nullptr) {
        std::swap(t.publishing, c.publishing);
        t.publishing->position = static_cast<std::uint32_t>(publishers_.size());
        publishers_.push_back(&t);
        publisher_times_.add(now_ns_);
    }
    t.publishing->sources[t.publishing->source_count++] = &s;  // main has checked the bound
    update_source(c);
    s.counters->id.store(static_cast<std::uint64_t>(s.id), std::memory_order_release);
}

void Worker::update_source(Command& c) noexcept {
    table::Source& s = *c.source;
    table::Transport& t = *s.transport;
    const std::uint32_t ssrc = s.spec.ssrc;
    const std::uint32_t rtx_ssrc = s.spec.rtx_ssrc;
    s.spec = c.source_spec;
    // What was learned stays, unless the control plane names another.
    if (s.spec.ssrc == 0) s.spec.ssrc = ssrc;
    if (s.spec.rtx_ssrc == 0) s.spec.rtx_ssrc = rtx_ssrc;
    bind(t, s, s.spec.ssrc, false);
    bind(t, s, s.spec.rtx_ssrc, true);
    if (s.window.empty() && s.spec.rx_index > s.rx_index_hint) s.rx_index_hint = s.spec.rx_index;
    if (s.rtx_window.empty() && s.spec.rtx_rx_index > s.rtx_rx_index_hint) s.rtx_rx_index_hint = s.spec.rtx_rx_index;
    s.counters->ssrc = s.spec.ssrc;
    s.counters->rtx_ssrc = s.spec.rtx_ssrc;
    if (c.twcc != nullptr && t.publishing->twcc == nullptr) std::swap(t.publishing->twcc, c.twcc);
}

void Worker::bind(table::Transport& t, table::Source& s, std::uint32_t ssrc, bool rtx) noexcept {
    if (ssrc == 0) return;
    table::Publishing& p = *t.publishing;
    for (std::uint8_t i = 0; i < p.binding_count; ++i) {
        auto& b = p.bindings[i];
        if (b.source == &s && b.rtx == rtx) {
            b.ssrc = ssrc;
            return;
        }
    }
    if (p.binding_count < table::Publishing::max_bindings) p.bindings[p.binding_count++] = {ssrc, rtx, &s};
}

void Worker::unbind(table::Transport& t, const table::Source& s) noexcept {
    table::Publishing& p = *t.publishing;
    std::uint8_t kept = 0;
    for (std::uint8_t i = 0; i < p.binding_count; ++i) {
        if (p.bindings[i].source != &s) p.bindings[kept++] = p.bindings[i];
    }
    p.binding_count = kept;
}

void Worker::remove_source(table::Source& s) noexcept {
    table::Transport& t = *s.transport;
    s.counters->id.store(0, std::memory_order_release);
    unbind(t, s);
    table::Publishing& p = *t.publishing;
    for (std::uint8_t i = 0; i < p.source_count; ++i) {
        if (p.sources[i] != &s) continue;
        p.sources[i] = p.sources[--p.source_count];
        break;
    }
    sources_[s.slot] = nullptr;
}

void Worker::apply_leg_spec(table::Leg& leg, const abi::LegSpec& spec) noexcept {
    table::LegFormat format;
    format.payloads = spec.payloads;
    format.extensions = spec.tx_extensions;
    format.mid_length = spec.mid_length < abi::max_mid ? spec.mid_length : static_cast<std::uint8_t>(abi::max_mid);
    format.strip_red = (spec.flags & abi::leg_strip_red) != 0;
    std::array<char, abi::max_mid> mid{};
    std::copy_n(spec.mid.data(), format.mid_length, mid.data());
    if (leg.hot.ssrc != spec.ssrc || leg.hot.mid != mid || leg.format != format)
        leg.header_since_index = leg.hot.rewriter.next_index();
    if (leg.view != nullptr && leg.format != format) {
        leg.view->formats.leave(leg.hot.format);
        leg.hot.format = leg.view->formats.join(format);
    }
    leg.format = format;
    leg.hot.ssrc = spec.ssrc;
    leg.hot.mid = mid;
    const bool resumed = leg.hot.is(table::leg_state_paused) && (spec.flags & abi::leg_paused) == 0;
    leg.hot.set(table::leg_state_paused, (spec.flags & abi::leg_paused) != 0);
    leg.rtx_ssrc = spec.rtx_ssrc;
    leg.clock_rate = spec.clock_rate;
    leg.kind = spec.kind;
    if (resumed && leg.view != nullptr && leg.hot.transport->hot.started) start_leg(leg);
}

// The longer list that main may have sent along; the old one goes back.
void Worker::grow(table::SourceView& view, Command& c) noexcept {
    if (c.legs == nullptr || c.leg_capacity <= view.leg_capacity) return;
    std::copy_n(view.legs, view.leg_count, c.legs.get());
    table::LegRef* old = view.legs;
    view.legs = c.legs.release();
    c.legs.reset(old);
    view.leg_capacity = c.leg_capacity;
}

// Joins the view that the command names, or none.
void Worker::attach(table::Leg& leg, Command& c) noexcept {
    leg.hot.counters->source = c.view == nullptr ? 0 : static_cast<std::uint64_t>(c.view->source);
    if (c.view == nullptr) return;
    table::SourceView& view = *c.view;
    grow(view, c);
    view.add(leg, *leg.hot.transport);
    leg.hot.set(table::leg_state_switching, true);
    leg.hot.set(table::leg_state_awaiting_keyframe, view.kind == abi::MediaKind::video);
    if (leg.hot.transport->hot.started) start_leg(leg);
}

void Worker::detach(table::Leg& leg) noexcept {
    if (leg.view == nullptr) return;
    end_catch_up(leg);
    leg.view->remove(leg);
}

}  // namespace sluice::worker
