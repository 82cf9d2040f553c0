// No key of the configuration is read in vain: each that the data plane is said to apply changes the memory plan, the EAL's
// arguments, a worker or the shared memory.
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>

#include "config/load.hpp"
#include "config/readers.hpp"
#include "dataplane/app/data_plane.hpp"
#include "dataplane/app/log.hpp"
#include "dataplane/port/eal.hpp"
#include "dataplane/port/ring_port.hpp"

namespace sluice::test {
namespace {

using config::Config;

std::string text(auto number) {
    return std::to_string(number);
}

std::string eal_arguments(const Config& c) {
    // Hugepages as on a machine that has some.
    const auto plan = port::plan_eal(c.dataplane, 4096, 256);
    if (!plan) return plan.error();
    std::string out;
    for (const auto& a : plan->arguments) out += a + ' ';
    return out;
}

std::string memory_plan(const Config& c) {
    return app::plan_memory(c.dataplane).to_string();
}

// What the data plane on a ring tells its first worker, and shows in the state segment.
template <typename Told>
std::string on_a_ring(Config c, Told told) {
    char directory[] = "/tmp/sluice-config-XXXXXX";
    const std::string place = ::mkdtemp(directory);
    if (c.dataplane.control_socket == Config{}.dataplane.control_socket) c.dataplane.control_socket = place + "/a.sock";
    if (c.dataplane.control_socket == "/b.sock") c.dataplane.control_socket = place + "/b.sock";
    c.dataplane.limits.history_mb = 4;
    rte_ring* rx = rte_ring_create("crx", 64, SOCKET_ID_ANY, 0);
    rte_ring* tx = rte_ring_create("ctx", 64, SOCKET_ID_ANY, 0);
    std::string out;
    {
        port::RingPort port(rx, tx);
        app::Options options;
        options.watchdog_ms = 0;
        options.ports.assign(c.dataplane.workers, &port);
        auto plane = app::DataPlane::create(c, options);
        out = plane ? told(**plane, std::filesystem::path(place)) : "refused: " + plane.error();
    }
    rte_ring_free(rx);
    rte_ring_free(tx);
    std::filesystem::remove_all(place);
    return out;
}

// The refusal of a TAP that is not there; where it is, tests/netns/host_port_test.py uses it.
std::string host_port(const Config& c) {
    return on_a_ring(c, [](app::DataPlane&, const auto&) { return std::string{}; });
}

std::string worker(const Config& c, const std::function<std::string(const worker::WorkerConfig&)>& told) {
    return on_a_ring(c, [&](app::DataPlane& plane, const auto&) { return told(plane.worker(0).config()); });
}

std::string addresses(const Config& c) {
    return worker(c, [](const auto& w) { return w.addresses[0].to_string() + ' ' + w.addresses[1].to_string(); });
}

struct Applied {
    std::function<std::string(const Config&)> told;
    std::function<void(Config&)> change;
    std::function<void(Config&)> given = [](Config&) {};  // where the key counts only with another one
};

constexpr auto af_xdp = [](Config& c) { c.dataplane.port.type = config::PortType::af_xdp; };

const std::map<std::string, Applied, std::less<>> applied{
    {"node.id", {[](const Config& c) { return app::log_settings(c).node; }, [](Config& c) { c.node.id = "n"; }}},
    {"log.level",
     {[](const Config& c) { return text(static_cast<int>(app::log_settings(c).level)); },
      [](Config& c) { c.log.level = config::LogLevel::error; }}},
    {"log.format",
     {[](const Config& c) { return text(app::log_settings(c).json); },
      [](Config& c) { c.log.format = config::LogFormat::json; }}},
    {"rtc.udp_port",
     {[](const Config& c) { return worker(c, [](const auto& w) { return text(w.first_udp_port); }); },
      [](Config& c) { c.rtc.udp_port = 9; }}},
    {"dataplane.control_socket",
     {[](const Config& c) {
          return on_a_ring(c, [](app::DataPlane&, const std::filesystem::path& place) {
              return text(std::filesystem::exists(place / "b.sock"));
          });
      },
      [](Config& c) { c.dataplane.control_socket = "/b.sock"; }}},
    {"dataplane.workers", {eal_arguments, [](Config& c) { c.dataplane.workers = 2; }}},
    {"dataplane.cores", {eal_arguments, [](Config& c) { c.dataplane.cores = "0"; }}},
    {"dataplane.main_core", {eal_arguments, [](Config& c) { c.dataplane.main_core = 1; }}},
    {"dataplane.poll",
     {[](const Config& c) { return worker(c, [](const auto& w) { return text(static_cast<int>(w.poll)); }); },
      [](Config& c) { c.dataplane.poll = config::Poll::busy; }}},
    {"dataplane.hugepages", {eal_arguments, [](Config& c) { c.dataplane.hugepages = config::Hugepages::off; }}},
    {"dataplane.memory_mb", {eal_arguments, [](Config& c) { c.dataplane.memory_mb = 1000; }}},
    {"dataplane.sealer",
     {[](const Config& c) { return worker(c, [](const auto& w) { return text(static_cast<int>(w.sealer)); }); },
      [](Config& c) { c.dataplane.sealer = config::Sealer::libsrtp; }}},
    {"dataplane.limits.transports", {memory_plan, [](Config& c) { c.dataplane.limits.transports = 100'000; }}},
    {"dataplane.limits.sources", {memory_plan, [](Config& c) { c.dataplane.limits.sources = 100'000; }}},
    {"dataplane.limits.legs", {memory_plan, [](Config& c) { c.dataplane.limits.legs = 1'000'000; }}},
    {"dataplane.limits.history_mb", {memory_plan, [](Config& c) { c.dataplane.limits.history_mb = 500; }}},
    {"dataplane.port.type", {eal_arguments, [](Config& c) { c.dataplane.port.type = config::PortType::memif; }}},
    {"dataplane.port.device",
     {eal_arguments, [](Config& c) { c.dataplane.port.device = "0000:03:00.0"; },
      [](Config& c) { c.dataplane.port.type = config::PortType::pci; }}},
    {"dataplane.port.interface", {eal_arguments, [](Config& c) { c.dataplane.port.interface = "eth9"; }}},
    {"dataplane.port.address", {addresses, [](Config& c) { c.dataplane.port.address = "10.9.9.9/24"; }}},
    {"dataplane.port.address6", {addresses, [](Config& c) { c.dataplane.port.address6 = "fd99::9/64"; }}},
    {"dataplane.port.mac",
     {[](const Config& c) { return worker(c, [](const auto& w) { return w.mac.to_string(); }); },
      [](Config& c) { c.dataplane.port.mac = "02:00:00:00:00:09"; }}},
    {"dataplane.port.host_interface",
     {host_port, [](Config& c) { c.dataplane.port.host_interface = "no-such-tap"; },
      [](Config& c) { c.dataplane.port.type = config::PortType::vdev; }}},
    {"dataplane.port.vlan",
     {[](const Config& c) { return worker(c, [](const auto& w) { return text(w.vlan); }); },
      [](Config& c) { c.dataplane.port.vlan = 42; }}},
    {"dataplane.port.mtu",
     {[](const Config& c) { return worker(c, [](const auto& w) { return text(w.mtu); }); },
      [](Config& c) { c.dataplane.port.mtu = 1400; }}},
    {"dataplane.port.egress_mbps",
     {[](const Config& c) { return worker(c, [](const auto& w) { return text(w.pacer != nullptr); }); },
      [](Config& c) { c.dataplane.port.egress_mbps = 1000; }}},
    {"dataplane.port.queues", {eal_arguments, [](Config& c) { c.dataplane.port.queues = 4; }, af_xdp}},
    {"dataplane.port.xdp_program", {eal_arguments, [](Config& c) { c.dataplane.port.xdp_program = "/f.o"; }, af_xdp}},
    {"dataplane.port.vdev_args", {eal_arguments, [](Config& c) { c.dataplane.port.vdev_args = "a=b"; }}},
};

TEST(DataPlaneConfig, AppliesEveryKeyOfTheDataPlane) {
    for (const config::KeyReaders& key : config::all_readers()) {
        const bool ours = (key.readers & config::reader_data_plane) != 0;
        ASSERT_EQ(applied.contains(key.path), ours) << key.path;
        if (!ours) continue;
        const Applied& entry = applied.find(key.path)->second;
        Config before = config::load_default();
        entry.given(before);
        Config after = before;
        entry.change(after);
        const auto changes = config::diff(before, after);
        ASSERT_EQ(changes.size(), 1u) << key.path;
        EXPECT_EQ(changes.front().path, key.path);
        const std::string told_before = entry.told(before);
        const std::string told_after = entry.told(after);
        EXPECT_NE(told_before, told_after) << key.path;
        EXPECT_FALSE(told_before.starts_with("refused:")) << key.path << ": " << told_before;
        EXPECT_EQ(told_after.starts_with("refused:"), key.path == "dataplane.port.host_interface")
            << key.path << ": " << told_after;
    }
}

TEST(DataPlaneConfig, RefusesLessMemoryThanTheLimitsNeed) {
    Config c = config::load_default();
    c.dataplane.memory_mb = 255;
    EXPECT_NE(eal_arguments(c).find("dataplane.memory_mb = 255 is less than the 256 MB that dataplane.limits need"),
              std::string::npos);
    c.dataplane.memory_mb = 256;
    EXPECT_NE(eal_arguments(c).find("-m 256"), std::string::npos);
}

TEST(DataPlaneLog, WritesTextOrJsonAtItsLevelAndAbove) {
    app::LogSettings s{.level = config::LogLevel::warn, .json = true, .node = "n1"};
    constexpr std::int64_t now = 1'700'000'000'000'000'000;
    EXPECT_EQ(app::log_text(s, config::LogLevel::info, "x", "app", now), "");
    EXPECT_EQ(app::log_text(s, config::LogLevel::error, "no port", "app", now),
              "{\"time\":\"2023-11-14T22:13:20.000000Z\",\"level\":\"error\",\"node\":\"n1\",\"process\":\"dataplane\","
              "\"component\":\"app\",\"message\":\"no port\"}\n");
    s.json = false;
    EXPECT_TRUE(app::log_text(s, config::LogLevel::warn, "x", "dpdk", now).ends_with("warn [dpdk] x\n"));
}

}  // namespace
}  // namespace sluice::test
