// A DPDK ethernet device: one RX and one TX queue per worker, with the offloads that it has and no others.
//
// Theory of operation. Asked for where offered: checksums in both directions, and MBUF_FAST_FREE, which lets the PMD return
// a burst of sent buffers to their pool without looking at each. It is legal here because worker i alone sends on queue i,
// and everything that it sends is a fresh, unsegmented mbuf with one reference out of its own pool: fan-out seals out of
// place into new buffers, answers and injected datagrams are copied, so are the host port's frames, and a received mbuf
// never leaves by a TX queue. Whoever breaks that (the component tests' port asserts it) has to take the flag away here.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/port/flow_steering.hpp"
#include "dataplane/port/port_io.hpp"

struct rte_mempool;

namespace sluice::port {

struct EthdevPlan {
    std::uint16_t port_id = 0;
    std::uint16_t queues = 1;
    std::uint16_t descriptors = 512;  // short, so that the TX working set stays in L2
    int socket = 0;
    rte_mempool* rx_pool = nullptr;
    // The MAC that frames for us carry, if it is not the device's own: such frames come through in promiscuous mode only.
    std::optional<Mac> own_mac;
    SteeringPlan steering;
};

// What a started port does by itself.
struct PortOffloads {
    bool tx_ipv4_checksum = false;
    bool tx_udp_checksum = false;
    bool tx_fast_free = false;
    bool rx_ipv4_checksum = false;
    bool rx_udp_checksum = false;
    bool steering = false;
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
    [[nodiscard]] const PortOffloads& offloads() const noexcept { return offloads_; }
    // One line for the log: how packets find their worker, and if not by rte_flow, why not.
    [[nodiscard]] const std::string& steering_note() const noexcept { return steering_note_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::uint16_t id() const noexcept { return plan_.port_id; }

private:
    EthdevPort() = default;
    void steer();

    EthdevPlan plan_;
    std::string name_;
    Mac mac_;
    PortOffloads offloads_;
    FlowSteering steering_;
    std::string steering_note_;
    bool started_ = false;
    std::vector<std::unique_ptr<PortIo>> queues_;
};

}  // namespace sluice::port
