// The kernel's routes and neighbours of one interface, by netlink, for NextHops.
//
// Thread: main only.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "dataplane/port/netlink_socket.hpp"
#include "dataplane/port/next_hops.hpp"

namespace sluice::port {

class NetlinkKernel final : public NeighbourKernel {
public:
    // `addresses` are ours on that interface: IPv4, IPv6; unspecified where there is none.
    [[nodiscard]] static std::expected<std::unique_ptr<NetlinkKernel>, std::string> open(
        unsigned interface_index, const std::array<IpAddress, 2>& addresses);

    std::optional<IpAddress> gateway_of(const IpAddress& destination) override;
    void use(const IpAddress& gateway) override;
    std::optional<Mac> mac_of(const IpAddress& gateway) override;

    // Gives what the kernel has told since to `next_hops`. An error is the end: the interface is gone, or is another one
    // now.
    [[nodiscard]] std::expected<void, std::string> poll(NextHops& next_hops, std::int64_t now_ns);

private:
    NetlinkKernel(NetlinkSocket requests, NetlinkSocket notifications, unsigned interface_index,
                  const std::array<IpAddress, 2>& addresses);
    NetlinkSocket requests_;
    NetlinkSocket notifications_;
    unsigned interface_index_;
    std::array<IpAddress, 2> addresses_;
    std::optional<Mac> mac_;  // the interface's own, once a notification named it
};

}  // namespace sluice::port
