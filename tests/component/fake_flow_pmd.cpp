#include "tests/component/fake_flow_pmd.hpp"

#include <dlfcn.h>
#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_ring.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/wire/headers.hpp"

// DPDK leaves the type to the driver.
struct rte_flow {
    std::optional<std::uint16_t> vlan;  // network order, under its mask
    std::uint16_t vlan_mask = 0;
    bool v6 = false;
    std::uint16_t port = 0;  // network order, under its mask
    std::uint16_t port_mask = 0;
    std::uint16_t queue = 0;
};

namespace sluice::test {

struct FakeFlowPmd::State {
    FakeNic nic;
    std::uint16_t queues = 0;
    unsigned validated = 0;
    std::uint64_t configured_tx = 0;
    std::uint64_t configured_rss = 0;
    std::vector<std::unique_ptr<rte_flow>> rules;
};

namespace {

std::map<std::uint16_t, FakeFlowPmd::State*>& fakes() {
    static std::map<std::uint16_t, FakeFlowPmd::State*> by_port;
    return by_port;
}

FakeFlowPmd::State* fake_of(std::uint16_t port) {
    const auto found = fakes().find(port);
    return found == fakes().end() ? nullptr : found->second;
}

template <typename Function>
Function real(const char* name) {
    auto* f = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
    if (f == nullptr) std::abort();
    return f;
}

// As a driver reads a pattern: Ethernet, at most one tag, IP, UDP; values without a mask are refused, not guessed.
std::optional<rte_flow> parse(const rte_flow_attr& attr, const rte_flow_item* item, const rte_flow_action* action,
                              std::uint16_t queues) {
    rte_flow rule;
    if (attr.ingress == 0 || attr.egress != 0 || attr.transfer != 0) return std::nullopt;
    if (item->type != RTE_FLOW_ITEM_TYPE_ETH || item->spec != nullptr) return std::nullopt;
    ++item;
    if (item->type == RTE_FLOW_ITEM_TYPE_VLAN) {
        if (item->spec == nullptr || item->mask == nullptr) return std::nullopt;
        rule.vlan_mask = static_cast<const rte_flow_item_vlan*>(item->mask)->tci;
        rule.vlan = static_cast<const rte_flow_item_vlan*>(item->spec)->tci & rule.vlan_mask;
        ++item;
    }
    if (item->type != RTE_FLOW_ITEM_TYPE_IPV4 && item->type != RTE_FLOW_ITEM_TYPE_IPV6) return std::nullopt;
    if (item->spec != nullptr) return std::nullopt;
    rule.v6 = item->type == RTE_FLOW_ITEM_TYPE_IPV6;
    ++item;
    if (item->type != RTE_FLOW_ITEM_TYPE_UDP || item->spec == nullptr || item->mask == nullptr) return std::nullopt;
    rule.port_mask = static_cast<const rte_flow_item_udp*>(item->mask)->hdr.dst_port;
    rule.port = static_cast<const rte_flow_item_udp*>(item->spec)->hdr.dst_port & rule.port_mask;
    ++item;
    if (item->type != RTE_FLOW_ITEM_TYPE_END) return std::nullopt;
    if (action[0].type != RTE_FLOW_ACTION_TYPE_QUEUE || action[1].type != RTE_FLOW_ACTION_TYPE_END) return std::nullopt;
    rule.queue = static_cast<const rte_flow_action_queue*>(action[0].conf)->index;
    if (rule.queue >= queues) return std::nullopt;
    return rule;
}

bool matches(const rte_flow& rule, ByteView frame) {
    std::size_t at = sizeof(wire::EthernetHeader);
    if (frame.size() < at) return false;
    std::uint16_t type = load<wire::EthernetHeader>(frame.data()).type.value();
    std::optional<std::uint16_t> tag;
    if (type == wire::ethertype_vlan && frame.size() >= at + sizeof(wire::VlanTag)) {
        const auto vlan = load<wire::VlanTag>(frame.data() + at);
        tag = vlan.control.raw();
        type = vlan.type.value();
        at += sizeof(wire::VlanTag);
    }
    if (tag.has_value() != rule.vlan.has_value()) return false;
    if (tag && (*tag & rule.vlan_mask) != *rule.vlan) return false;
    std::uint8_t protocol = 0;
    if (!rule.v6 && type == wire::ethertype_ipv4 && frame.size() >= at + sizeof(wire::Ipv4Header)) {
        const auto ip = load<wire::Ipv4Header>(frame.data() + at);
        protocol = ip.protocol;
        at += (ip.version_length & 0x0f) * std::size_t{4};
    } else if (rule.v6 && type == wire::ethertype_ipv6 && frame.size() >= at + sizeof(wire::Ipv6Header)) {
        protocol = load<wire::Ipv6Header>(frame.data() + at).next_header;
        at += sizeof(wire::Ipv6Header);
    }
    if (protocol != wire::protocol_udp || frame.size() < at + sizeof(wire::UdpHeader)) return false;
    return (load<wire::UdpHeader>(frame.data() + at).destination.raw() & rule.port_mask) == rule.port;
}

std::vector<rte_ring*> make_rings(const std::string& name, std::uint16_t count, unsigned slots) {
    std::vector<rte_ring*> rings;
    for (unsigned i = 0; i < count; ++i) {
        rings.push_back(rte_ring_create((name + std::to_string(i)).c_str(), slots, SOCKET_ID_ANY, 0));
        if (rings.back() == nullptr) std::abort();
    }
    return rings;
}

}  // namespace

FakeFlowPmd::FakeFlowPmd(std::uint16_t queues, const FakeNic& nic) : state_(std::make_unique<State>()) {
    static unsigned serial = 0;
    name_ = "fake" + std::to_string(serial++);
    rx_ = make_rings(name_ + "rx", queues, 1024);
    tx_ = make_rings(name_ + "tx", queues, 4096);
    const int port = rte_eth_from_rings(name_.c_str(), rx_.data(), queues, tx_.data(), queues, 0);
    if (port < 0) {
        std::fprintf(stderr, "fake NIC: %s\n", rte_strerror(rte_errno));
        std::abort();
    }
    port_ = static_cast<std::uint16_t>(port);
    state_->nic = nic;
    state_->queues = queues;
    fakes()[port_] = state_.get();
}

FakeFlowPmd::~FakeFlowPmd() {
    fakes().erase(port_);
    (void)rte_vdev_uninit(("net_ring_" + name_).c_str());
    for (rte_ring* ring : rx_) rte_ring_free(ring);
    for (rte_ring* ring : tx_) rte_ring_free(ring);
}

unsigned FakeFlowPmd::classify(ByteView frame) noexcept {
    for (const auto& rule : state_->rules) {
        if (matches(*rule, frame)) return rule->queue;
    }
    // Another permutation of the queues each time round, so that no pattern of a test fits by chance.
    const unsigned n = next_++;
    return (n + n / state_->queues) % state_->queues;
}

std::size_t FakeFlowPmd::rules() const noexcept {
    return state_->rules.size();
}
unsigned FakeFlowPmd::validated() const noexcept {
    return state_->validated;
}

std::uint64_t FakeFlowPmd::configured_tx() const {
    return state_->configured_tx;
}
std::uint64_t FakeFlowPmd::configured_rss() const {
    return state_->configured_rss;
}

}  // namespace sluice::test

// ---------------------------------------------------------------- in the place of DPDK's own

namespace {

using sluice::test::fake_of;
using sluice::test::FakeNic;
using sluice::test::parse;
using sluice::test::real;

int refuse(rte_flow_error* error, int code, const char* message) {
    rte_flow_error_set(error, code, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr, message);
    return -code;
}

}  // namespace

extern "C" {

int rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info) {
    static const auto next = real<decltype(&rte_eth_dev_info_get)>("rte_eth_dev_info_get");
    const int rc = next(port, info);
    const auto* fake = fake_of(port);
    if (rc != 0 || fake == nullptr) return rc;
    info->tx_offload_capa = fake->nic.tx_offloads;
    info->rx_offload_capa = fake->nic.rx_offloads;
    info->flow_type_rss_offloads = fake->nic.rss;
    return 0;
}

int rte_eth_dev_configure(std::uint16_t port, std::uint16_t rx_queues, std::uint16_t tx_queues, const rte_eth_conf* conf) {
    static const auto next = real<decltype(&rte_eth_dev_configure)>("rte_eth_dev_configure");
    if (auto* fake = fake_of(port)) {
        fake->configured_tx = conf->txmode.offloads;
        fake->configured_rss = conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS ? conf->rx_adv_conf.rss_conf.rss_hf : 0;
    }
    return next(port, rx_queues, tx_queues, conf);
}

int rte_flow_validate(std::uint16_t port, const rte_flow_attr* attr, const rte_flow_item pattern[],
                      const rte_flow_action actions[], rte_flow_error* error) {
    auto* fake = fake_of(port);
    if (fake == nullptr) {
        static const auto next = real<decltype(&rte_flow_validate)>("rte_flow_validate");
        return next(port, attr, pattern, actions, error);
    }
    ++fake->validated;
    if (fake->nic.flow == FakeNic::Flow::absent) return refuse(error, ENOSYS, nullptr);
    if (fake->nic.flow == FakeNic::Flow::refused) return refuse(error, ENOTSUP, "item UDP is not supported");
    if (!parse(*attr, pattern, actions, fake->queues)) return refuse(error, EINVAL, "pattern not understood");
    return 0;
}

rte_flow* rte_flow_create(std::uint16_t port, const rte_flow_attr* attr, const rte_flow_item pattern[],
                          const rte_flow_action actions[], rte_flow_error* error) {
    auto* fake = fake_of(port);
    if (fake == nullptr) {
        static const auto next = real<decltype(&rte_flow_create)>("rte_flow_create");
        return next(port, attr, pattern, actions, error);
    }
    const auto rule = parse(*attr, pattern, actions, fake->queues);
    if (!rule || fake->rules.size() >= fake->nic.max_rules) {
        rte_flow_error_set(error, ENOSPC, RTE_FLOW_ERROR_TYPE_HANDLE, nullptr, "the flow table is full");
        return nullptr;
    }
    fake->rules.push_back(std::make_unique<rte_flow>(*rule));
    return fake->rules.back().get();
}

int rte_flow_destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error) {
    auto* fake = fake_of(port);
    if (fake == nullptr) {
        static const auto next = real<decltype(&rte_flow_destroy)>("rte_flow_destroy");
        return next(port, flow, error);
    }
    const auto removed = std::erase_if(fake->rules, [&](const auto& rule) { return rule.get() == flow; });
    return removed == 1 ? 0 : refuse(error, ENOENT, "no such rule");
}

}  // extern "C"
