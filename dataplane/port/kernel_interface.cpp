#include "dataplane/port/kernel_interface.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "dataplane/port/netlink_socket.hpp"

namespace sluice::port {
namespace {

void read_channels(KernelInterface& interface) {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    ifreq request{};
    std::strncpy(request.ifr_name, interface.name.c_str(), IFNAMSIZ - 1);
    request.ifr_data = static_cast<char*>(static_cast<void*>(&channels));
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool told = fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0;
    if (fd >= 0) close(fd);
    // A driver that does not say has one queue.
    if (!told) return;
    interface.receive_queues = std::max(1U, channels.combined_count + channels.rx_count);
    // As DPDK's af_xdp driver counts what it may bind.
    interface.combined_queues = channels.max_combined == 0 ? 1 : channels.combined_count;
}

}  // namespace

std::expected<KernelInterface, std::string> kernel_interface(const std::string& name) {
    auto socket = NetlinkSocket::open();
    if (!socket) return std::unexpected(socket.error());
    KernelInterface found;
    (void)socket->request(dump_links(), [&](const nlmsghdr& m) {
        const auto link = parse_link(m);
        if (!link || link->name != name) return;
        found = {name, link->index, link->mac, link->mtu, link->up, {}};
    });
    if (found.index == 0) return std::unexpected("there is no interface \"" + name + "\": set dataplane.port.interface");
    (void)socket->request(dump_addresses(), [&](const nlmsghdr& m) {
        const auto a = parse_address(m);
        if (a && a->interface_index == found.index)
            found.addresses.push_back({a->address, static_cast<std::uint8_t>(a->prefix)});
    });
    read_channels(found);
    return found;
}

}  // namespace sluice::port
