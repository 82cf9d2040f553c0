// A fake NIC for the tests: an ethdev with the offloads and the rte_flow support that a test gives it. No PMD that runs
// without hardware takes rte_flow, and those with checksum offloads show no mbuf to a test.
//
// Theory of operation. The device is a net_ring ethdev, so queues, configuration and bursts go through the real ethdev
// layer. What makes it a fake: Debian ships no driver headers, so instead of registering flow_ops this program defines
// rte_eth_dev_info_get(), rte_eth_dev_configure() and the rte_flow_*() functions itself; for a fake's port they answer as
// the test says, for any other port they call DPDK's. The rules are parsed from the pattern items as a driver does it, and
// classify() applies them to a frame's bytes, so a wrong byte order, mask or layer in a rule brings frames to the wrong
// queue. Frames that no rule takes go round the queues in turn, as with RSS.
//
// Thread: the test's.
#pragma once

#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/bytes.hpp"

namespace sluice::test {

struct FakeNic {
    std::uint64_t tx_offloads = 0;  // RTE_ETH_TX_OFFLOAD_*
    std::uint64_t rx_offloads = 0;
    std::uint64_t rss = 0;  // RTE_ETH_RSS_*
    enum class Flow : std::uint8_t { absent, refused, accepted };
    Flow flow = Flow::absent;
    unsigned max_rules = 1000;  // creating more fails, although they validate
};

class FakeFlowPmd {
public:
    FakeFlowPmd(std::uint16_t queues, const FakeNic& nic);
    ~FakeFlowPmd();
    FakeFlowPmd(const FakeFlowPmd&) = delete;
    FakeFlowPmd& operator=(const FakeFlowPmd&) = delete;

    // The queue to which the installed rules send the frame.
    [[nodiscard]] unsigned classify(ByteView frame) noexcept;
    [[nodiscard]] std::size_t rules() const noexcept;
    [[nodiscard]] unsigned validated() const noexcept;
    // Offloads that the data plane configured.
    [[nodiscard]] std::uint64_t configured_tx() const;
    [[nodiscard]] std::uint64_t configured_rss() const;
    [[nodiscard]] rte_ring* rx(unsigned queue) const noexcept { return rx_[queue]; }
    [[nodiscard]] rte_ring* tx(unsigned queue) const noexcept { return tx_[queue]; }

    struct State;  // what the replaced functions see

private:
    std::string name_;
    std::uint16_t port_ = 0;
    unsigned next_ = 0;
    std::unique_ptr<State> state_;
    std::vector<rte_ring*> rx_;
    std::vector<rte_ring*> tx_;
};

}  // namespace sluice::test
