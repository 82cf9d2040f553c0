// rte_flow rules that bring each worker's UDP port to that worker's own queue, so that no datagram has to cross to another
// worker. An accelerator, never a precondition: where a PMD has no rte_flow, or not for these rules, any queue may receive
// anything and the workers hand over.
//
// Theory of operation. One rule per worker and address family: UDP with destination port base + i goes to queue i. Each is
// validated before the first is created, and it is all rules or none: half a steering would only make a counter of
// handed-over packets hard to explain. The rules name no address, so a change of address needs no new rule.
//
// Thread: main only, while the port is started.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

struct rte_flow;

namespace sluice::port {

struct SteeringPlan {
    std::uint16_t first_udp_port = 0;  // 0: no steering is wanted
    bool ipv4 = false;
    bool ipv6 = false;
    std::uint16_t vlan = 0;  // 802.1Q id that the media carries; 0: untagged
};

class FlowSteering {
public:
    // The error is a sentence for the log: who refused what, and why.
    [[nodiscard]] static std::expected<FlowSteering, std::string> install(std::uint16_t port_id, std::uint16_t queues,
                                                                          const SteeringPlan& plan);
    FlowSteering() = default;
    [[nodiscard]] bool active() const noexcept { return !rules_.empty(); }
    [[nodiscard]] std::size_t rules() const noexcept { return rules_.size(); }
    // Removes the rules; to be called before the port stops.
    void flush() noexcept;

private:
    std::uint16_t port_id_ = 0;
    std::vector<rte_flow*> rules_;
};

}  // namespace sluice::port
