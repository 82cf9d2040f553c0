// Where transports' egress goes, as main knows it, and the next hops on the way there.

#include "dataplane/control/registry.hpp"

namespace sluice::control {

void Registry::path_changed(Id transport, const abi::FlowAddress& path) const {
    if (path_observer_ && !path.empty()) path_observer_(transport, &path);
}

void Registry::path_learned(std::uint64_t transport, const abi::FlowAddress& path) {
    const auto at = transports_.find(transport);
    if (at == transports_.end()) return;
    at->second.spec.path = path;
    path_changed(transport, path);
}

void Registry::set_next_hop(std::uint64_t transport, const IpAddress& destination, table::NextHopIndex next_hop) {
    const auto at = transports_.find(transport);
    if (at == transports_.end()) return;
    if (handing_over()) return next_hops_held_.push_back({transport, destination, next_hop});
    auto c = command(worker::Op::set_next_hop, no_token);
    c->transport = at->second.object.get();
    c->destination = destination;
    c->next_hop = next_hop;
    c->garbage = at->second.object;
    send(at->second.owner, std::move(c));
}

void Registry::update_next_hop(table::NextHopIndex next_hop, const table::NextHop& entry) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        auto c = command(worker::Op::update_next_hop, no_token);
        c->next_hop = next_hop;
        c->next_hop_entry = entry;
        send(static_cast<std::uint16_t>(i), std::move(c));
    }
}

}  // namespace sluice::control
