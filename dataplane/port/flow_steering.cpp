#include "dataplane/port/flow_steering.hpp"

#include <rte_errno.h>
#include <rte_flow.h>

#include <array>
#include <cstring>

#include "dataplane/base/byteorder.hpp"

namespace sluice::port {
namespace {

constexpr std::uint16_t vlan_id_mask = 0x0fff;  // priority is the sender's affair

// One rule, with everything that its pattern points to. Not copyable: the items point into it.
struct Rule {
    Rule(rte_flow_item_type family, std::uint16_t udp_port, std::uint16_t vlan, std::uint16_t queue_index) {
        attributes.ingress = 1;
        udp.hdr.dst_port = be16(udp_port).raw();
        udp_mask.hdr.dst_port = 0xffff;
        tag.tci = be16(vlan).raw();
        tag_mask.tci = be16(vlan_id_mask).raw();
        queue.index = queue_index;
        std::size_t at = 0;
        pattern[at++].type = RTE_FLOW_ITEM_TYPE_ETH;
        if (vlan != 0) pattern[at++] = {RTE_FLOW_ITEM_TYPE_VLAN, &tag, nullptr, &tag_mask};
        pattern[at++].type = family;
        pattern[at++] = {RTE_FLOW_ITEM_TYPE_UDP, &udp, nullptr, &udp_mask};
        pattern[at].type = RTE_FLOW_ITEM_TYPE_END;
        actions[0] = {RTE_FLOW_ACTION_TYPE_QUEUE, &queue};
        actions[1].type = RTE_FLOW_ACTION_TYPE_END;
    }
    Rule(const Rule&) = delete;
    Rule& operator=(const Rule&) = delete;

    rte_flow_attr attributes{};
    rte_flow_item_vlan tag{};
    rte_flow_item_vlan tag_mask{};
    rte_flow_item_udp udp{};
    rte_flow_item_udp udp_mask{};
    rte_flow_action_queue queue{};
    std::array<rte_flow_item, 5> pattern{};
    std::array<rte_flow_action, 2> actions{};
};

std::string reason_of(const char* verb, std::uint16_t udp_port, const rte_flow_error& error, int code) {
    std::string text = std::string("it refused to ") + verb + " the rule for UDP port " + std::to_string(udp_port) + ": ";
    text += error.message != nullptr ? error.message : "no reason given";
    return text + " (" + std::strerror(code < 0 ? -code : code) + ")";
}

}  // namespace

std::expected<FlowSteering, std::string> FlowSteering::install(std::uint16_t port_id, std::uint16_t queues,
                                                               const SteeringPlan& plan) {
    FlowSteering steering;
    steering.port_id_ = port_id;
    // First everything is validated, then everything is created.
    for (const bool create : {false, true}) {
        for (std::uint16_t i = 0; i < queues; ++i) {
            for (const auto family : {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_IPV6}) {
                if (!(family == RTE_FLOW_ITEM_TYPE_IPV4 ? plan.ipv4 : plan.ipv6)) continue;
                const auto udp_port = static_cast<std::uint16_t>(plan.first_udp_port + i);
                const Rule rule(family, udp_port, plan.vlan, i);
                rte_flow_error error{};
                if (!create) {
                    const int rc =
                        rte_flow_validate(port_id, &rule.attributes, rule.pattern.data(), rule.actions.data(), &error);
                    if (rc != 0) return std::unexpected(reason_of("validate", udp_port, error, rc));
                    continue;
                }
                rte_flow* flow =
                    rte_flow_create(port_id, &rule.attributes, rule.pattern.data(), rule.actions.data(), &error);
                if (flow == nullptr) {
                    auto why = reason_of("create", udp_port, error, rte_errno);
                    steering.flush();
                    return std::unexpected(std::move(why));
                }
                steering.rules_.push_back(flow);
            }
        }
    }
    return steering;
}

void FlowSteering::flush() noexcept {
    for (rte_flow* flow : rules_) {
        rte_flow_error error{};
        (void)rte_flow_destroy(port_id_, flow, &error);
    }
    rules_.clear();
}

}  // namespace sluice::port
