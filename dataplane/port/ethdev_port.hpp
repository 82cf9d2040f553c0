// A DPDK ethernet device: one RX and one TX queue per worker.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/port/port_io.hpp"

struct rte_mempool;

namespace sluice::port {

struct EthdevPlan {
    std::uint16_t port_id = 0;
    std::uint16_t queues = 1;
    std::uint16_t descriptors = 512;  // short, so that the TX working set stays in L2
    int socket = 0;
    rte_mempool* rx_pool = nullptr;
};

// Main starts it, each queue belongs to one worker.
class EthdevPort {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<EthdevPort>, std::string> start(const EthdevPlan& plan);
    ~EthdevPort();
    EthdevPort(const EthdevPort&) = delete;
    EthdevPort& operator=(const EthdevPort&) = delete;

    // Lives as long as the port.
    [[nodiscard]] PortIo* queue(std::uint16_t i) noexcept { return queues_[i].get(); }
    [[nodiscard]] Mac mac() const noexcept { return mac_; }
    [[nodiscard]] bool offloads_udp_checksum() const noexcept { return udp_checksum_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::uint16_t id() const noexcept { return plan_.port_id; }

private:
    EthdevPort() = default;
    EthdevPlan plan_;
    std::string name_;
    Mac mac_;
    bool udp_checksum_ = false;
    bool started_ = false;
    std::vector<std::unique_ptr<PortIo>> queues_;
};

}  // namespace sluice::port
