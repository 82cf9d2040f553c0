// How the data plane comes by its port: device, MAC, offloads, steering, host port, and what the state segment says of them.

#include <fmt/format.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <cstdio>
#include <cstring>

#include "dataplane/app/data_plane.hpp"
#include "dataplane/app/log.hpp"
#include "dataplane/port/kernel_interface.hpp"
#include "dataplane/port/packet_buffer.hpp"

namespace sluice::app {
namespace {

// Ours where the device has no MAC to give: on a TAP the device's is the kernel's end, a ring has none.
constexpr Mac invented_mac{{0x02, 0x53, 0x4c, 0x55, 0x00, 0x01}};

bool invents_mac(config::PortType type) {
    return type == config::PortType::tap || type == config::PortType::ring || type == config::PortType::null;
}

std::uint64_t offload_bits(const port::PortOffloads& o) {
    const auto bit = [](bool has, std::uint64_t flag) { return has ? flag : 0; };
    return bit(o.tx_ipv4_checksum, abi::offload_ipv4_checksum) | bit(o.tx_udp_checksum, abi::offload_udp_checksum) |
           bit(o.steering, abi::offload_rte_flow) | bit(o.tx_fast_free, abi::offload_fast_free) |
           bit(o.rx_ipv4_checksum, abi::offload_rx_ipv4_checksum) | bit(o.rx_udp_checksum, abi::offload_rx_udp_checksum);
}

}  // namespace

std::expected<void, std::string> DataPlane::start_port(const config::Config& config, const MemoryPlan& plan,
                                                       Options& options) {
    const config::Dataplane& d = config.dataplane;
    std::optional<Mac> own = Mac::parse(d.port.mac);
    if (!own && invents_mac(d.port.type)) own = invented_mac;
    if (options.ports.empty()) {
        const int socket = static_cast<int>(rte_socket_id());
        rx_pool_ = rte_pktmbuf_pool_create("rx", plan.rx_mbufs, 256, 0, port::buffer_bytes, socket);
        if (rx_pool_ == nullptr) return std::unexpected("no memory for the rx pool; " + plan.to_string());
        if (d.port.type == config::PortType::af_xdp && rx_pool_->nb_mem_chunks != 1)
            return std::unexpected(
                std::string("af_xdp needs its packet memory in one piece: try dataplane.hugepages = \"off\""));
        if (rte_eth_dev_count_avail() == 0)
            return std::unexpected(std::string("no DPDK port came up: check dataplane.port"));
        port::EthdevPlan device;
        device.port_id = rte_eth_find_next(0);
        device.queues = d.workers;
        device.socket = socket;
        device.rx_pool = rx_pool_;
        device.own_mac = own;
        device.steering = {config.rtc.udp_port, !d.port.address.empty(), !d.port.address6.empty(), d.port.vlan};
        auto port = port::EthdevPort::start(device);
        if (!port) return std::unexpected(port.error());
        port_ = std::move(*port);
        for (std::uint16_t i = 0; i < d.workers; ++i) options.ports.push_back(port_->queue(i));
    }
    mac_ = own ? *own : port_ != nullptr && !port_->mac().is_multicast() ? port_->mac() : invented_mac;
    return {};
}

std::expected<void, std::string> DataPlane::start_host_port(const config::Dataplane& d, Options& options) {
    if (d.port.host_interface.empty()) return {};
    auto host = port::HostPort::attach(d.port.host_interface, mac_);
    if (!host) return std::unexpected(host.error());
    host_ = std::move(*host);
    // The kernel behind it resolves over the same wire, so it knows the neighbours of the NIC.
    const auto interface = port::kernel_interface(d.port.host_interface);
    if (!interface) return std::unexpected(interface.error());
    options.next_hop_interface = interface->index;
    for (unsigned i = 0; i < d.workers; ++i) {
        to_host_.push_back(std::make_unique<port::HostRing>(port::host_ring_slots));
        options.to_host.push_back(to_host_.back().get());
    }
    from_host_ = std::make_unique<port::HostRing>(port::host_ring_slots);
    options.from_host = from_host_.get();
    return {};
}

void DataPlane::describe_port(const config::Dataplane& d, const Options& options) {
    abi::PortBlock& block = segment_.port(0);
    std::snprintf(block.name, sizeof block.name, "%s", port_ != nullptr ? port_->name().c_str() : "ring");
    std::memcpy(block.mac, mac_.bytes.data(), sizeof block.mac);
    block.mtu = d.port.mtu;
    block.egress_mbps = d.port.egress_mbps;
    port::PortOffloads offloads;
    if (port_ != nullptr)
        offloads = port_->offloads();
    else
        offloads.tx_udp_checksum = options.ports[0]->offloads_udp_checksum();
    block.offloads = offload_bits(offloads);
    if (port_ == nullptr) return;
    log(config::LogLevel::info, fmt::format("port {}: {}", port_->name(), port_->steering_note()));
    if (host_ != nullptr)
        log(config::LogLevel::info,
            fmt::format("port {}: {} carries the rest to the kernel", port_->name(), d.port.host_interface));
}

void DataPlane::count_host_port() noexcept {
    if (host_ == nullptr) return;
    const port::HostPortCounters& c = host_->counters();
    abi::PortBlock& block = segment_.port(0);
    block.to_host = c.to_host;
    block.from_host = c.from_host;
    block.host_refused = c.refused;
}

}  // namespace sluice::app
