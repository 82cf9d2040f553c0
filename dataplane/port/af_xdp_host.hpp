// What an af_xdp port asks of the host: it shares the kernel's interface, its addresses and its queues, so they have to be
// as the configuration says before DPDK's driver touches them.
//
// Theory of operation. acquire() runs before EAL. It checks, takes the interface's lock, removes the filter that a killed
// data plane left there, and makes the configured filter. The lock is an abstract unix socket: it belongs to the network
// namespace as the interface does, and the kernel drops it with the process, so a filter under a free lock is nobody's. The
// driver attaches the filter when its first queue is set up and removes it when the port is closed; release does it once
// more, for a start that failed in between.
//
// One program per interface, and DPDK binds only queues that are one channel with a transmit queue: that is why each worker
// needs a combined queue of its own, and why a queue that no worker has would be traffic that the kernel drops.
//
// Thread: main only.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "dataplane/port/kernel_interface.hpp"
#include "dataplane/port/xdp_filter.hpp"

namespace sluice::port {

// What of this interface contradicts the configuration; nothing if it will do. The text says what to do.
[[nodiscard]] std::optional<std::string> af_xdp_contradiction(const config::Dataplane& dataplane,
                                                              const KernelInterface& interface);

class AfXdpHost {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<AfXdpHost>, std::string> acquire(const config::Config& config);
    ~AfXdpHost();
    AfXdpHost(const AfXdpHost&) = delete;
    AfXdpHost& operator=(const AfXdpHost&) = delete;

    [[nodiscard]] const KernelInterface& interface() const noexcept { return interface_; }
    // The driver's xdp_prog.
    [[nodiscard]] std::string program() const { return own_ ? own_->path() : override_; }
    [[nodiscard]] bool removed_stale_filter() const noexcept { return removed_stale_filter_; }

private:
    AfXdpHost() = default;
    std::expected<void, std::string> lock();
    KernelInterface interface_;
    int lock_ = -1;
    std::optional<XdpFilterFile> own_;
    std::string override_;  // the operator's object file
    std::string program_name_ = xdp_program_name;
    bool removed_stale_filter_ = false;
};

}  // namespace sluice::port
