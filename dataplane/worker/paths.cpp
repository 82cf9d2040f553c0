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
    if (t.flow_count == table::Transport::max_flows) {
        // The oldest that is not in use makes room.
        const std::uint8_t victim = table::key_of(t.flows[0]) == table::key_of(t.path) ? 1 : 0;
        table_.remove_flow(table::key_of(t.flows[victim]), &t);
        for (std::uint8_t i = victim; i + 1 < t.flow_count; ++i) t.flows[i] = t.flows[i + 1];
        --t.flow_count;
    }
    if (table_.add_flow(key, &t)) t.flows[t.flow_count++] = flow;
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

void Worker::set_path(table::Transport& t, const abi::FlowAddress& flow) noexcept {
    const auto made = template_of(flow);
    if (!made) return;
    t.path = flow;
    t.path_authenticated_ns = now_ns_;
    t.hot.path = *made;
    t.hot.max_payload = static_cast<std::uint16_t>(config_.mtu - made->l3_length() - sizeof(wire::UdpHeader));
    t.hot.has_path = true;
}

void Worker::switch_path(table::Transport& t, const abi::FlowAddress& flow) noexcept {
    set_path(t, flow);
    ++t.counters->path_switches;
    trace(t.id, abi::TraceKind::path_switched, 0, {}, &flow);
    Event event;
    event.kind = EventKind::path;
    event.id = static_cast<std::uint64_t>(t.id);
    event.flow = flow;
    emit(event);
}

void Worker::authenticated(table::Transport& t, const Datagram& datagram) noexcept {
    ++t.counters->rx_packets;
    t.counters->rx_bytes += datagram.bytes.size();
    t.counters->last_rx_unix_ns = unix_ns();
    t.last_seen_ns = now_ns_;
    if (table::key_of(t.path) == datagram.key) {
        t.path_authenticated_ns = now_ns_;
    } else {
        switch_path(t, flow_of(datagram));
    }
}

}  // namespace sluice::worker
