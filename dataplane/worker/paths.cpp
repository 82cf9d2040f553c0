// Which 5-tuples lead to a transport, and where its egress goes.

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {

void Worker::learn_flow(table::Transport& t, const abi::FlowAddress& flow) noexcept {
    const table::FlowKey key = table::key_of(flow);
    for (std::uint8_t i = 0; i < t.flow_count; ++i) {
        if (table::key_of(t.flows[i]) == key) {
            t.flows[i] = flow;  // the layer-2 path may have changed
            return;
        }
    }
    // Who has the port must lead it here. While it cannot be told, the peer's next check has to do.
    if (!may_tell_port(key)) return;
    if (t.flow_count == table::Transport::max_flows) {
        // The oldest that is not in use makes room.
        const std::uint8_t victim = table::key_of(t.flows[0]) == table::key_of(t.path) ? 1 : 0;
        const table::FlowKey lost = table::key_of(t.flows[victim]);
        table_.remove_flow(lost, &t);
        if (port_worker(lost.local_port) != config_.id) (void)tell_port(lost, true);
        for (std::uint8_t i = victim; i + 1 < t.flow_count; ++i) t.flows[i] = t.flows[i + 1];
        --t.flow_count;
    }
    if (table_.add_flow(key, &t)) t.flows[t.flow_count++] = flow;
    if (port_worker(key.local_port) != config_.id) (void)tell_port(key, false);
}

std::optional<wire::UdpTemplate> Worker::template_of(const abi::FlowAddress& flow) const noexcept {
    const auto made = wire::UdpTemplate::make({config_.mac,
                                               Mac{flow.remote_mac},
                                               {IpAddress{flow.local_ip}, flow.local_port},
                                               {IpAddress{flow.remote_ip}, flow.remote_port},
                                               flow.vlan == 0 ? std::nullopt : std::optional<std::uint16_t>(flow.vlan),
                                               64,
                                               0});
    return made ? std::optional(*made) : std::nullopt;
}

// Writes the headers of t.path; false when the addresses make no UDP path.
bool Worker::stamp_path(table::Transport& t) noexcept {
    abi::FlowAddress flow = t.path;
    if (const table::NextHop& hop = next_hops_[t.next_hop]; hop.resolved) flow.remote_mac = hop.mac.bytes;
    const auto made = template_of(flow);
    if (!made) return false;
    t.hot.path = *made;
    return true;
}

void Worker::set_path(table::Transport& t, const abi::FlowAddress& flow) noexcept {
    if (!template_of(flow)) return;
    // Main finds the way to the new address; the way to the old one may be another.
    if (flow.remote_ip != t.path.remote_ip) t.next_hop = table::no_next_hop;
    t.path = flow;
    t.path_authenticated_ns = now_ns_;
    (void)stamp_path(t);
    t.hot.max_payload = static_cast<std::uint16_t>(config_.mtu - t.hot.path.l3_length() - sizeof(wire::UdpHeader));
    t.hot.has_path = true;
    start_legs(t);
}

// The same 5-tuple from another MAC or VLAN: the peer, or the router before it, has changed.
void Worker::follow_link(table::Transport& t, const Datagram& datagram) noexcept {
    const wire::UdpDatagram& frame = *datagram.frame;
    if (t.path.remote_mac == frame.source_mac.bytes && t.path.vlan == frame.vlan.value_or(0)) return;
    t.path = flow_of(datagram);
    (void)stamp_path(t);
}

void Worker::switch_path(table::Transport& t, const abi::FlowAddress& flow) noexcept {
    set_path(t, flow);
    ++t.hot.counters->path_switches;
    trace(t.id, abi::TraceKind::path_switched, 0, {}, &flow);
    report_path(t);
}

void Worker::authenticated(table::Transport& t, const Datagram& datagram) noexcept {
    ++t.rx_packets;
    t.rx_bytes += static_cast<std::uint32_t>(datagram.bytes.size());
    t.last_seen_ns = now_ns_;
    if (exact_counters()) t.publish_received(unix_ns());
    if (table::key_of(t.path) == datagram.key) {
        t.path_authenticated_ns = now_ns_;
        follow_link(t, datagram);
    } else {
        switch_path(t, flow_of(datagram));
    }
    if (!t.hot.started) peer_has_keys(t);
}

}  // namespace sluice::worker
