// Joins the paths of the transports (registry) with the next hops of their destinations (port).
//
// Theory of operation. The registry says where each transport's egress goes; the feed has one user of that destination in
// NextHops per transport. What NextHops finds goes to the workers as commands: the index to the transport's worker, an entry
// to all of them.
//
// Thread: main only.
#pragma once

#include <array>
#include <expected>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "dataplane/control/registry.hpp"
#include "dataplane/port/next_hops.hpp"

namespace sluice::app {

class NextHopFeed {
public:
    // Both outlive it.
    NextHopFeed(control::Registry& registry, port::NeighbourKernel& kernel);
    ~NextHopFeed();
    NextHopFeed(const NextHopFeed&) = delete;
    NextHopFeed& operator=(const NextHopFeed&) = delete;

    [[nodiscard]] port::NextHops& next_hops() noexcept { return next_hops_; }

private:
    void path_changed(std::uint64_t transport, const abi::FlowAddress* path);
    void leave(std::uint64_t transport);

    control::Registry& registry_;
    port::NextHops next_hops_;
    std::unordered_map<std::uint64_t, IpAddress> destination_of_;
    std::unordered_map<IpAddress, std::unordered_set<std::uint64_t>, port::IpAddressHash> transports_of_;
};

}  // namespace sluice::app
