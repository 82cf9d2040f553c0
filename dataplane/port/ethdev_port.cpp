#include "dataplane/port/ethdev_port.hpp"

#include <rte_ethdev.h>

#include <cstring>

namespace sluice::port {
namespace {

class Queue final : public PortIo {
public:
    Queue(std::uint16_t port, std::uint16_t queue, const PortOffloads& offloads)
        : port_(port), queue_(queue), offloads_(offloads) {}
    std::uint16_t receive(rte_mbuf** frames, std::uint16_t capacity) noexcept override {
        return rte_eth_rx_burst(port_, queue_, frames, capacity);
    }
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override {
        return rte_eth_tx_burst(port_, queue_, frames, count);
    }
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return offloads_.tx_udp_checksum; }
    [[nodiscard]] bool offloads_ipv4_checksum() const noexcept override { return offloads_.tx_ipv4_checksum; }

private:
    std::uint16_t port_;
    std::uint16_t queue_;
    PortOffloads offloads_;
};

std::unexpected<std::string> failed(const std::string& name, const char* what, int code) {
    return std::unexpected("port " + name + ": " + what + ": " + std::strerror(-code));
}

// What the device offers of what we can use.
PortOffloads negotiate(const rte_eth_dev_info& info, std::uint16_t queues, rte_eth_conf& conf) {
    // For what no rule steers. Without it one queue would receive everything, and its worker hand over all the others'
    // share.
    const std::uint64_t hash = info.flow_type_rss_offloads & (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                                              RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_UDP);
    if (queues > 1 && hash != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hash;
    }
    const std::uint64_t tx = info.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                                                     RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
    const std::uint64_t rx = info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
    conf.txmode.offloads = tx;
    conf.rxmode.offloads = rx;
    PortOffloads out;
    out.tx_ipv4_checksum = (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
    out.tx_udp_checksum = (tx & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
    out.tx_fast_free = (tx & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
    out.rx_ipv4_checksum = (rx & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
    out.rx_udp_checksum = (rx & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0;
    return out;
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
    p->offloads_ = negotiate(info, plan.queues, conf);
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
        p->queues_.push_back(std::make_unique<Queue>(plan.port_id, q, p->offloads_));
    }
    if (const int rc = rte_eth_dev_start(plan.port_id); rc != 0) return failed(p->name_, "start", rc);
    p->started_ = true;
    rte_ether_addr mac{};
    (void)rte_eth_macaddr_get(plan.port_id, &mac);
    std::memcpy(p->mac_.bytes.data(), mac.addr_bytes, 6);
    if (plan.own_mac.value_or(p->mac_) != p->mac_) (void)rte_eth_promiscuous_enable(plan.port_id);
    // Neighbour solicitations come to groups that no list of ours names.
    (void)rte_eth_allmulticast_enable(plan.port_id);
    p->steer();
    return p;
}

void EthdevPort::steer() {
    if (plan_.queues == 1 || plan_.steering.first_udp_port == 0) {
        steering_note_ = "one queue, nothing to steer";
        return;
    }
    auto installed = FlowSteering::install(plan_.port_id, plan_.queues, plan_.steering);
    if (installed) {
        steering_ = std::move(*installed);
        offloads_.steering = steering_.active();
        steering_note_ =
            "rte_flow steers each worker's UDP port to its queue, " + std::to_string(steering_.rules()) + " rules";
    } else {
        steering_note_ = "no rte_flow steering, workers hand over what is not theirs: " + installed.error();
    }
}

EthdevPort::~EthdevPort() {
    if (!started_) return;
    steering_.flush();
    (void)rte_eth_dev_stop(plan_.port_id);
    (void)rte_eth_dev_close(plan_.port_id);
}

}  // namespace sluice::port
