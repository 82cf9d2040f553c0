// The data plane as a whole: port, workers, shared memory, control socket. Built from a Config by main(), and by the
// component tests with ring ports in the place of a device.
//
// Theory of operation. Main owns everything and runs turn() about a thousand times a second: control socket, finished
// commands, worker events, IP fragments, the wake of the punt rings, the heartbeat and the watchdog. The workers run on
// their own lcores.
//
// Thread: main only, unless said otherwise.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "dataplane/app/next_hop_feed.hpp"
#include "dataplane/app/watchdog.hpp"
#include "dataplane/control/reassembly.hpp"
#include "dataplane/control/server.hpp"
#include "dataplane/port/egress_pacer.hpp"
#include "dataplane/port/ethdev_port.hpp"
#include "dataplane/port/host_port.hpp"
#include "dataplane/port/netlink_kernel.hpp"

namespace sluice::app {

// Bytes of each pool; printed at start, refused if it does not fit.
struct MemoryPlan {
    std::uint32_t rx_mbufs = 0;
    std::uint32_t tx_mbufs_per_worker = 0;
    std::uint64_t history_bytes_per_worker = 0;
    std::uint64_t pools_bytes = 0;  // hugepage memory
    std::uint64_t segment_bytes = 0;
    std::uint64_t rings_bytes = 0;
    std::uint64_t blob_budget = 0;
    [[nodiscard]] std::string to_string() const;
};
[[nodiscard]] MemoryPlan plan_memory(const config::Dataplane& dataplane);

struct Options {
    bool allow_plaintext = false;      // tests and benchmarks on ring, memif and null ports
    int watchdog_ms = 1000;            // 0: off (sanitizers are slow)
    std::vector<port::PortIo*> ports;  // by worker; empty: start the configured device
    // In the place of a TAP, for tests: who drains and fills them is the test. Not owned; by worker, and worker 0's.
    std::vector<port::HostRing*> to_host;
    port::HostRing* from_host = nullptr;
    // Index of the kernel's interface whose routes and neighbours say where frames go; 0: back the way they came.
    unsigned next_hop_interface = 0;
};

class DataPlane {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<DataPlane>, std::string> create(const config::Config& config,
                                                                                       Options options);
    ~DataPlane();
    DataPlane(const DataPlane&) = delete;
    DataPlane& operator=(const DataPlane&) = delete;

    void start_workers();
    void stop_workers();
    // Everything that main does; waits at most `timeout_ms` for the control socket.
    void turn(int timeout_ms);

    // Why this process cannot go on and should be started again; empty while it can.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

    // For tests that drive the workers themselves instead of starting them.
    [[nodiscard]] worker::Worker& worker(std::uint32_t i) noexcept { return *workers_[i]; }
    [[nodiscard]] const telemetry::Segment& segment() const noexcept { return segment_; }
    [[nodiscard]] const telemetry::SharedMemory& rings() const noexcept { return rings_; }
    [[nodiscard]] control::Registry& registry() noexcept { return *registry_; }
    [[nodiscard]] const port::EthdevPort* device() const noexcept { return port_.get(); }  // null on given ports
    [[nodiscard]] const control::Reassembly& reassembly() const noexcept { return *reassembly_; }

private:
    DataPlane() = default;
    std::expected<void, std::string> build(const config::Config& config, Options options);
    // port_setup.cpp
    std::expected<void, std::string> start_port(const config::Config& config, const MemoryPlan& plan, Options& options);
    std::expected<void, std::string> start_host_port(const config::Dataplane& dataplane, Options& options);
    void describe_port(const config::Dataplane& dataplane, const Options& options);
    void count_host_port() noexcept;
    std::expected<void, std::string> follow_next_hops(unsigned interface_index, const std::array<IpAddress, 2>& addresses);
    void turn_next_hops();
    void wake_control_plane();
    void watch();

    telemetry::Segment segment_;
    telemetry::SharedMemory rings_;
    TscClock clock_;
    int wake_ = -1;
    rte_mempool* rx_pool_ = nullptr;
    std::unique_ptr<port::EgressPacer> pacer_;  // null: nothing is paced
    std::vector<rte_mempool*> tx_pools_;
    std::unique_ptr<port::EthdevPort> port_;
    Mac mac_;  // ours on the wire
    // Empty without a host port.
    std::unique_ptr<port::HostPort> host_;
    std::vector<std::unique_ptr<port::HostRing>> to_host_;  // by worker
    std::unique_ptr<port::HostRing> from_host_;
    std::unique_ptr<control::Reassembly> reassembly_;
    std::vector<std::unique_ptr<control::WorkerLink>> links_;
    std::vector<std::unique_ptr<worker::CrossRing>> cross_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::unique_ptr<control::Registry> registry_;
    std::unique_ptr<control::Server> server_;
    std::unique_ptr<port::NetlinkKernel> kernel_;
    std::unique_ptr<NextHopFeed> next_hops_;
    bool follows_next_hops_ = false;
    std::string failure_;
    std::atomic<bool> stop_{false};
    bool running_ = false;
    std::unique_ptr<Watchdog> watchdog_;
    std::int64_t last_wake_ns_ = 0;
    std::int64_t next_watch_ns_ = 0;
    std::int64_t next_stats_ns_ = 0;
};

}  // namespace sluice::app
