#include "dataplane/port/af_xdp_host.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace sluice::port {
namespace {

std::string to_string(const config::Cidr& cidr) {
    return cidr.address.to_string() + "/" + std::to_string(cidr.prefix);
}

std::string list_of(const KernelInterface& interface, bool v4) {
    std::string text;
    for (const auto& cidr : interface.addresses) {
        if (cidr.address.is_v4() == v4) text += (text.empty() ? "" : ", ") + to_string(cidr);
    }
    return text.empty() ? "none of that family" : text;
}

}  // namespace

std::optional<std::string> af_xdp_contradiction(const config::Dataplane& d, const KernelInterface& interface) {
    const std::string its = "interface " + interface.name + " ";
    if (!interface.up) return its + "is down: ip link set dev " + interface.name + " up";
    for (const auto& [key, text] : {std::pair{"address", &d.port.address}, std::pair{"address6", &d.port.address6}}) {
        if (text->empty()) continue;
        const auto wanted = config::parse_cidr(*text);
        if (wanted && std::ranges::find(interface.addresses, *wanted) != interface.addresses.end()) continue;
        return std::string("dataplane.port.") + key + " = \"" + *text + "\" is not an address of interface " +
               interface.name + ", which has " + list_of(interface, !wanted || wanted->address.is_v4()) +
               ": with af_xdp the kernel owns the address, so set the key to what the interface has, or to \"\" without "
               "that "
               "family";
    }
    if (const auto mac = Mac::parse(d.port.mac); mac && *mac != interface.mac) {
        return "dataplane.port.mac = \"" + d.port.mac + "\", but " + its + "has " + interface.mac.to_string() +
               " and the kernel answers ARP with it: leave the key empty";
    }
    if (d.port.mtu > interface.mtu) {
        return "dataplane.port.mtu = " + std::to_string(d.port.mtu) + ", but " + its + "takes " +
               std::to_string(interface.mtu) + " bytes";
    }
    const unsigned queues = d.port.queues != 0 ? d.port.queues : d.workers;
    if (queues != d.workers) {
        return "dataplane.port.queues = " + std::to_string(queues) + " for " + std::to_string(d.workers) +
               " workers: with af_xdp each worker has one queue, leave the key at 0";
    }
    if (interface.combined_queues < d.workers) {
        return its + "has " + std::to_string(interface.combined_queues) + " queue(s) that af_xdp can bind and " +
               std::to_string(d.workers) +
               " workers are configured: lower dataplane.workers, or raise the queues (ethtool -L " + interface.name +
               " combined " + std::to_string(d.workers) + ")";
    }
    if (interface.receive_queues > d.workers) {
        const std::string channels = interface.receive_queues > interface.combined_queues ? " rx " : " combined ";
        return its + "receives on " + std::to_string(interface.receive_queues) + " queues, and " +
               std::to_string(d.workers) +
               " worker(s) would leave some of them to the kernel, which drops media: ethtool -L " + interface.name +
               channels + std::to_string(d.workers) + ", or raise dataplane.workers";
    }
    return std::nullopt;
}

std::expected<void, std::string> AfXdpHost::lock() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // Abstract: it begins with a zero byte.
    const std::string name = std::string(1, '\0') + "sluice/af_xdp/" + std::to_string(interface_.index);
    std::memcpy(address.sun_path, name.data(), name.size());
    lock_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (lock_ >= 0 && bind(lock_, generic, length) == 0) return {};
    if (errno == EADDRINUSE)
        return std::unexpected("another Sluice data plane serves interface " + interface_.name + ": stop it first");
    return std::unexpected(std::string("the lock of interface ") + interface_.name + ": " + std::strerror(errno));
}

std::expected<std::unique_ptr<AfXdpHost>, std::string> AfXdpHost::acquire(const config::Config& config) {
    const config::Dataplane& d = config.dataplane;
    std::unique_ptr<AfXdpHost> host(new AfXdpHost);
    auto interface = kernel_interface(d.port.interface);
    if (!interface) return std::unexpected(interface.error());
    host->interface_ = std::move(*interface);
    if (auto wrong = af_xdp_contradiction(d, host->interface_)) return std::unexpected(*wrong);
    if (auto locked = host->lock(); !locked) return std::unexpected(locked.error());
    if (d.port.xdp_program.empty()) {
        XdpFilterConfig filter;
        if (const auto cidr = config::parse_cidr(d.port.address)) filter.ip4 = cidr->address;
        if (const auto cidr = config::parse_cidr(d.port.address6)) filter.ip6 = cidr->address;
        filter.first_port = config.rtc.udp_port;
        filter.ports = d.workers;
        auto file = XdpFilterFile::create(filter);
        if (!file) return std::unexpected(file.error());
        host->own_.emplace(std::move(*file));
    } else {
        const auto name = xdp_program_in(d.port.xdp_program);
        if (!name) return std::unexpected(name.error());
        host->override_ = d.port.xdp_program;
        host->program_name_ = *name;
    }
    const auto cleaned = remove_xdp_program(host->interface_.index, host->interface_.name, host->program_name_);
    if (!cleaned) return std::unexpected(cleaned.error());
    host->removed_stale_filter_ = *cleaned == XdpCleanup::removed;
    return host;
}

AfXdpHost::~AfXdpHost() {
    // Not before we held the lock: the filter may be another's.
    if (own_ || !override_.empty()) (void)remove_xdp_program(interface_.index, interface_.name, program_name_);
    if (lock_ >= 0) close(lock_);
}

}  // namespace sluice::port
