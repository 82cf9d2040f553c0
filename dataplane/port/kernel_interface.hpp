// What the kernel says of one of its network interfaces.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "config/network.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice::port {

struct KernelInterface {
    std::string name;
    unsigned index = 0;
    Mac mac;
    unsigned mtu = 0;  // bytes
    bool up = false;   // administratively
    std::vector<config::Cidr> addresses;
    // Receive queues (ETHTOOL_GCHANNELS), and how many of them are one channel with a transmit queue: a driver that counts
    // the two apart, as veth does, has none of the latter.
    unsigned receive_queues = 1;
    unsigned combined_queues = 1;
};

// Main only. The error says what to do.
[[nodiscard]] std::expected<KernelInterface, std::string> kernel_interface(const std::string& name);

}  // namespace sluice::port
