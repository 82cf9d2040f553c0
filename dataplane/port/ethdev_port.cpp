#include "dataplane/port/ethdev_port.hpp"

#include <rte_ethdev.h>

#include <cstring>

namespace sluice::port {
namespace {

class Queue final : public PortIo {
public:
    Queue(std::uint16_t port, std::uint16_t queue, bool udp_checksum)
        : port_(port), queue_(queue), udp_checksum_(udp_checksum) {}
    std::uint16_t receive(rte_mbuf** frames, std::uint16_t capacity) noexcept override {
        return rte_eth_rx_burst(port_, queue_, frames, capacity);
    }
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override {
        return rte_eth_tx_burst(port_, queue_, frames, count);
    }
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return udp_checksum_; }

private:
    std::uint16_t port_;
    std::uint16_t queue_;
    bool udp_checksum_;
};

std::unexpected<std::string> failed(const std::string& name, const char* what, int code) {
    return std::unexpected("port " + name + ": " + what + ": " + std::strerror(-code));
}

}  // namespace

std::expected<std::unique_ptr<EthdevPort>, std::string> EthdevPort::start(const EthdevPlan& plan) {
    std::unique_ptr<EthdevPort> p(new EthdevPort);
    p->plan_ = plan;
    char name[RTE_ETH_NAME_MAX_LEN] = "?";
    if (!rte_eth_dev_is_valid_port(plan.port_id))
        return std::unexpected("no such DPDK port: is the device there, and bound?");
    (void)rte_eth_dev_get_name_by_port(plan.port_id, name);
    p->name_ = name;
    rte_eth_dev_info info{};
    if (const int rc = rte_eth_dev_info_get(plan.port_id, &info); rc != 0) return failed(p->name_, "info", rc);
    if (info.max_rx_queues < plan.queues || info.max_tx_queues < plan.queues) {
        return std::unexpected("port " + p->name_ + " has " + std::to_string(info.max_rx_queues) + " RX and " +
                               std::to_string(info.max_tx_queues) + " TX queues, " + std::to_string(plan.queues) +
                               " workers are configured: lower dataplane.workers");
    }
    rte_eth_conf conf{};
    conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
    conf.rxmode.offloads = info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
    p->udp_checksum_ = conf.txmode.offloads != 0;
    if (const int rc = rte_eth_dev_configure(plan.port_id, plan.queues, plan.queues, &conf); rc != 0)
        return failed(p->name_, "configure", rc);
    std::uint16_t rx = plan.descriptors;
    std::uint16_t tx = plan.descriptors;
    (void)rte_eth_dev_adjust_nb_rx_tx_desc(plan.port_id, &rx, &tx);
    for (std::uint16_t q = 0; q < plan.queues; ++q) {
        if (const int rc =
                rte_eth_rx_queue_setup(plan.port_id, q, rx, static_cast<unsigned>(plan.socket), nullptr, plan.rx_pool);
            rc != 0) {
            return failed(p->name_, "rx queue", rc);
        }
        if (const int rc = rte_eth_tx_queue_setup(plan.port_id, q, tx, static_cast<unsigned>(plan.socket), nullptr);
            rc != 0) {
            return failed(p->name_, "tx queue", rc);
        }
        p->queues_.push_back(std::make_unique<Queue>(plan.port_id, q, p->udp_checksum_));
    }
    if (const int rc = rte_eth_dev_start(plan.port_id); rc != 0) return failed(p->name_, "start", rc);
    p->started_ = true;
    // Frames to our own MAC, which on a TAP is not the kernel's, have to come through.
    (void)rte_eth_promiscuous_enable(plan.port_id);
    rte_ether_addr mac{};
    (void)rte_eth_macaddr_get(plan.port_id, &mac);
    std::memcpy(p->mac_.bytes.data(), mac.addr_bytes, 6);
    return p;
}

EthdevPort::~EthdevPort() {
    if (!started_) return;
    (void)rte_eth_dev_stop(plan_.port_id);
    (void)rte_eth_dev_close(plan_.port_id);
}

}  // namespace sluice::port
