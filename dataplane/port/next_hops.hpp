// Which next hop each destination has, and which MAC that is, by the kernel's routes and neighbours.
//
// Theory of operation. For each destination the kernel is asked (RTM_GETROUTE) once, and again, a few per turn, when a route
// or rule changed; the table of routes is not copied, since then policy rules, multipath, VRFs and redirects would have to
// be, too. Destinations behind the same gateway share an entry; a destination on the link is its own gateway. An entry's MAC
// is what the kernel's neighbour table says, by notification. Media passes the kernel by, so it would forget the neighbours
// that only media uses: each is "used" again every few seconds, and the kernel probes what it has not heard of for a while.
// A gateway that fails over announces itself to the kernel, and its entry changes with the notification; one that does not
// is found by a probe.
//
// With 255 entries taken (viewers on the link itself), further destinations get no_next_hop, which works too: frames go back
// the way they came.
//
// Thread: main only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "dataplane/base/ip_address.hpp"
#include "dataplane/port/rtnetlink.hpp"
#include "dataplane/table/next_hop.hpp"

namespace sluice::port {

// What the table asks of the kernel; netlink_kernel.hpp is the real one.
class NeighbourKernel {
public:
    virtual ~NeighbourKernel() = default;
    // The neighbour that packets for `destination` go to, which may be itself; nothing if none of our interface's.
    virtual std::optional<IpAddress> gateway_of(const IpAddress& destination) = 0;
    // Starts the resolution, or verifies; the answer is a notification.
    virtual void use(const IpAddress& gateway) = 0;
    // What is known now.
    virtual std::optional<Mac> mac_of(const IpAddress& gateway) = 0;
};

struct IpAddressHash {
    std::size_t operator()(const IpAddress& address) const noexcept;
};

class NextHops {
public:
    // Called when the entry says something else than before.
    using EntryChanged = std::function<void(table::NextHopIndex, const table::NextHop&)>;
    // Called when a destination goes another way.
    using RouteChanged = std::function<void(const IpAddress& destination, table::NextHopIndex)>;

    NextHops(NeighbourKernel& kernel, EntryChanged entry_changed, RouteChanged route_changed);

    // A user more of that destination; released once per acquire. The entry is announced before its index is returned.
    [[nodiscard]] table::NextHopIndex acquire(const IpAddress& destination);
    void release(const IpAddress& destination);
    // Of an acquired destination; no_next_hop of any other.
    [[nodiscard]] table::NextHopIndex index_of(const IpAddress& destination) const;

    // Notifications.
    void neighbour_changed(const IpAddress& address, std::optional<Mac> mac);
    // After so many routes may have changed that each destination has to be asked for again; the asking is spread over
    // turns.
    void routes_changed(std::int64_t now_ns);
    // After notifications were lost.
    void everything_changed(std::int64_t now_ns);
    void turn(std::int64_t now_ns);

    [[nodiscard]] std::size_t entries() const noexcept { return by_gateway_.size(); }
    [[nodiscard]] std::size_t destinations() const noexcept { return destinations_.size(); }

private:
    struct Entry {
        IpAddress gateway;
        table::NextHop hop;
        std::uint32_t destinations = 0;
        std::int64_t next_use_ns = 0;
    };
    struct Destination {
        table::NextHopIndex index = table::no_next_hop;
        std::uint32_t users = 0;
    };
    [[nodiscard]] table::NextHopIndex take(const std::optional<IpAddress>& gateway);
    void give_back(table::NextHopIndex index);
    void set(table::NextHopIndex index, std::optional<Mac> mac);

    NeighbourKernel& kernel_;
    EntryChanged entry_changed_;
    RouteChanged route_changed_;
    std::array<Entry, std::tuple_size_v<table::NextHopTable>> entries_{};
    std::unordered_map<IpAddress, table::NextHopIndex, IpAddressHash> by_gateway_;
    std::unordered_map<IpAddress, Destination, IpAddressHash> destinations_;
    std::deque<IpAddress> to_ask_;
    std::optional<std::int64_t> ask_all_at_ns_;
    std::int64_t next_sweep_ns_ = 0;
};

}  // namespace sluice::port
