// Messages of the kernel's routing socket (rtnetlink) as values: links, addresses, neighbours and routes.
//
// A message is data of the kernel's, so what does not parse is skipped, not feared; libmnl keeps the bounds. Message types
// and attributes: linux/rtnetlink.h, linux/neighbour.h.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/ip_address.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice::port {

struct LinkMessage {
    bool removed = false;
    unsigned index = 0;
    std::string name;
    Mac mac;
    unsigned mtu = 0;  // bytes
    bool up = false;   // administratively
};
// RTM_NEWLINK, RTM_DELLINK.
[[nodiscard]] std::optional<LinkMessage> parse_link(const nlmsghdr& message);

struct AddressMessage {
    unsigned interface_index = 0;
    IpAddress address;
    unsigned prefix = 0;  // bits
};
// RTM_NEWADDR.
[[nodiscard]] std::optional<AddressMessage> parse_address(const nlmsghdr& message);

struct NeighbourMessage {
    unsigned interface_index = 0;
    IpAddress address;
    // Where frames for it go; nothing while the kernel resolves it, after that failed, and when the entry is gone.
    std::optional<Mac> mac;
};
// RTM_NEWNEIGH, RTM_DELNEIGH.
[[nodiscard]] std::optional<NeighbourMessage> parse_neighbour(const nlmsghdr& message);

struct RouteMessage {
    unsigned interface_index = 0;
    std::optional<IpAddress> gateway;  // nothing: the destination is on the link
};
// The answer to RTM_GETROUTE for one destination. Nothing when it is not a unicast route.
[[nodiscard]] std::optional<RouteMessage> parse_route(const nlmsghdr& message);

// Requests, complete but for the sequence number.
using NetlinkRequest = std::vector<std::uint8_t>;
[[nodiscard]] NetlinkRequest dump_links();
[[nodiscard]] NetlinkRequest dump_addresses();
// One neighbour; an error of the kernel's if it has no entry.
[[nodiscard]] NetlinkRequest ask_neighbour(unsigned interface_index, const IpAddress& address);
// The way from `source`, which is ours, to `destination`, on that interface.
[[nodiscard]] NetlinkRequest ask_route(unsigned interface_index, const IpAddress& source, const IpAddress& destination);
// Has the kernel resolve the neighbour, or verify what it knows, as if it had a packet for it.
[[nodiscard]] NetlinkRequest use_neighbour(unsigned interface_index, const IpAddress& address);

}  // namespace sluice::port
