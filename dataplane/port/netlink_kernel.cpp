#include "dataplane/port/netlink_kernel.hpp"

#include <linux/rtnetlink.h>

namespace sluice::port {

NetlinkKernel::NetlinkKernel(NetlinkSocket requests, NetlinkSocket notifications, unsigned interface_index,
                             const std::array<IpAddress, 2>& addresses)
    : requests_(std::move(requests)),
      notifications_(std::move(notifications)),
      interface_index_(interface_index),
      addresses_(addresses) {}

std::expected<std::unique_ptr<NetlinkKernel>, std::string> NetlinkKernel::open(unsigned interface_index,
                                                                               const std::array<IpAddress, 2>& addresses) {
    auto requests = NetlinkSocket::open();
    if (!requests) return std::unexpected(requests.error());
    auto notifications = NetlinkSocket::open({RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                              RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP});
    if (!notifications) return std::unexpected(notifications.error());
    std::unique_ptr<NetlinkKernel> kernel(
        new NetlinkKernel(std::move(*requests), std::move(*notifications), interface_index, addresses));
    (void)kernel->requests_.request(dump_links(), [&](const nlmsghdr& m) {
        const auto link = parse_link(m);
        if (link && link->index == interface_index) kernel->mac_ = link->mac;
    });
    if (!kernel->mac_) return std::unexpected("there is no interface with index " + std::to_string(interface_index));
    return kernel;
}

std::optional<IpAddress> NetlinkKernel::gateway_of(const IpAddress& destination) {
    const IpAddress& source = addresses_[destination.is_v4() ? 0 : 1];
    if (source.is_unspecified()) return std::nullopt;
    std::optional<IpAddress> gateway;
    (void)requests_.request(ask_route(interface_index_, source, destination), [&](const nlmsghdr& m) {
        const auto route = parse_route(m);
        if (route && route->interface_index == interface_index_) gateway = route->gateway.value_or(destination);
    });
    return gateway;
}

void NetlinkKernel::use(const IpAddress& gateway) {
    (void)requests_.request(use_neighbour(interface_index_, gateway));
}

std::optional<Mac> NetlinkKernel::mac_of(const IpAddress& gateway) {
    std::optional<Mac> mac;
    (void)requests_.request(ask_neighbour(interface_index_, gateway), [&](const nlmsghdr& m) {
        const auto neighbour = parse_neighbour(m);
        if (neighbour && neighbour->interface_index == interface_index_ && neighbour->address == gateway)
            mac = neighbour->mac;
    });
    return mac;
}

std::expected<void, std::string> NetlinkKernel::poll(NextHops& next_hops, std::int64_t now_ns) {
    std::expected<void, std::string> state;
    const auto received = notifications_.receive([&](const nlmsghdr& m) {
        switch (m.nlmsg_type) {
            case RTM_NEWNEIGH:
            case RTM_DELNEIGH: {
                const auto n = parse_neighbour(m);
                if (n && n->interface_index == interface_index_) next_hops.neighbour_changed(n->address, n->mac);
                break;
            }
            case RTM_NEWLINK:
            case RTM_DELLINK: {
                const auto link = parse_link(m);
                if (!link || link->index != interface_index_) break;
                if (link->removed) {
                    state = std::unexpected("the port's interface has been removed");
                } else if (link->mac != *mac_) {
                    state = std::unexpected("the port's interface has another MAC address now, " + link->mac.to_string());
                }
                break;
            }
            default: next_hops.routes_changed(now_ns);
        }
    });
    if (received == NetlinkSocket::Received::overrun) next_hops.everything_changed(now_ns);
    return state;
}

}  // namespace sluice::port
