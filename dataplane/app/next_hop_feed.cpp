#include "dataplane/app/next_hop_feed.hpp"

namespace sluice::app {

NextHopFeed::NextHopFeed(control::Registry& registry, port::NeighbourKernel& kernel)
    : registry_(registry),
      next_hops_(
          kernel, [this](table::NextHopIndex index, const table::NextHop& hop) { registry_.update_next_hop(index, hop); },
          [this](const IpAddress& destination, table::NextHopIndex index) {
              for (const std::uint64_t id : transports_of_[destination]) registry_.set_next_hop(id, destination, index);
          }) {
    registry_.observe_paths([this](std::uint64_t id, const abi::FlowAddress* path) { path_changed(id, path); });
}

NextHopFeed::~NextHopFeed() {
    registry_.observe_paths({});
}

void NextHopFeed::path_changed(std::uint64_t transport, const abi::FlowAddress* path) {
    if (path == nullptr) return leave(transport);
    const IpAddress destination{path->remote_ip};
    const auto known = destination_of_.find(transport);
    // The worker forgets the next hop when the address changes, and it may change back while we look.
    if (known == destination_of_.end() || known->second != destination) {
        const table::NextHopIndex index = next_hops_.acquire(destination);
        leave(transport);
        destination_of_.emplace(transport, destination);
        transports_of_[destination].insert(transport);
        registry_.set_next_hop(transport, destination, index);
    } else {
        registry_.set_next_hop(transport, destination, next_hops_.index_of(destination));
    }
}

void NextHopFeed::leave(std::uint64_t transport) {
    const auto known = destination_of_.find(transport);
    if (known == destination_of_.end()) return;
    const auto others = transports_of_.find(known->second);
    others->second.erase(transport);
    if (others->second.empty()) transports_of_.erase(others);
    next_hops_.release(known->second);
    destination_of_.erase(known);
}

}  // namespace sluice::app
