#include "dataplane/port/eal.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "config/network.hpp"

namespace sluice::port {

unsigned free_hugepages_mb() {
    std::ifstream meminfo("/proc/meminfo");
    std::string word;
    unsigned free_pages = 0;
    unsigned page_kb = 0;
    while (meminfo >> word) {
        if (word == "HugePages_Free:") meminfo >> free_pages;
        if (word == "Hugepagesize:") meminfo >> page_kb;
    }
    return free_pages * (page_kb / 1024);
}

std::expected<EalPlan, std::string> plan_eal(const config::Dataplane& d, unsigned free_mb, unsigned needed_mb) {
    if (d.memory_mb != 0 && d.memory_mb < needed_mb) {
        return std::unexpected("dataplane.memory_mb = " + std::to_string(d.memory_mb) + " is less than the " +
                               std::to_string(needed_mb) + " MB that dataplane.limits need");
    }
    needed_mb = std::max(needed_mb, d.memory_mb);
    EalPlan plan;
    plan.hugepages =
        d.hugepages == config::Hugepages::on || (d.hugepages == config::Hugepages::automatic && free_mb >= needed_mb);
    if (d.hugepages == config::Hugepages::on && free_mb < needed_mb) {
        return std::unexpected("dataplane.hugepages = \"on\" but only " + std::to_string(free_mb) + " MB are free of the " +
                               std::to_string(needed_mb) +
                               " MB needed; reserve more (vm.nr_hugepages) or lower dataplane.limits");
    }
    auto& a = plan.arguments;
    a = {"sluice-dataplane", "--no-telemetry", "--log-level=lib.eal:warning", "--log-level=pmd:warning",
         "--log-level=user1:warning"};
    // Main is lcore 0; worker i is lcore i + 1, on the core that the configuration gives it.
    const auto cores = config::parse_cores(d.cores);
    if (!cores) return std::unexpected("dataplane.cores: \"" + d.cores + "\" is no list of cores");
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const auto existing = [&](unsigned core) { return static_cast<long>(core) < online ? core : 0u; };
    std::string lcores = "0@" + std::to_string(existing(d.main_core));
    for (unsigned i = 0; i < d.workers; ++i) {
        // More workers than cores share them: a development machine can still try four workers.
        lcores += "," + std::to_string(i + 1) + "@" + std::to_string(existing((*cores)[i % cores->size()]));
    }
    a.push_back("--lcores=" + lcores);
    if (d.port.type == config::PortType::pci) {
        a.insert(a.end(), {"-a", d.port.device});
    } else {
        a.emplace_back("--no-pci");
    }
    if (plan.hugepages) {
        a.emplace_back("--in-memory");
        // Taken at once instead of as it is needed.
        if (d.memory_mb != 0) a.insert(a.end(), {"-m", std::to_string(d.memory_mb)});
        if (d.port.type == config::PortType::memif) a.emplace_back("--single-file-segments");
    } else {
        // With 4 KB pages a packet of 2 KB may not cross a page, so pools take up to twice their size; untouched pages cost
        // nothing.
        a.insert(a.end(), {"--no-huge", "--no-shconf", "-m", std::to_string(needed_mb * 2 + 64)});
    }
    const config::Port& p = d.port;
    const unsigned queues = p.queues != 0 ? p.queues : d.workers;
    std::string vdev;
    switch (p.type) {
        case config::PortType::tap:
            // A fixed MAC on the kernel's side: peers that outlive us keep their ARP entries and we keep theirs.
            vdev = "net_tap0,iface=" + p.interface + ",mac=02:53:4c:55:00:02,persist";
            break;
        case config::PortType::af_xdp:
            vdev = "net_af_xdp0,iface=" + p.interface + ",start_queue=0,queue_count=" + std::to_string(queues);
            // The driver maps the rx pool as one piece, so it has to be one; with physical addresses it would be as
            // scattered as the machine's memory.
            a.emplace_back("--iova-mode=va");
            if (!p.xdp_program.empty()) vdev += ",xdp_prog=" + p.xdp_program;
            break;
        case config::PortType::memif: vdev = "net_memif0"; break;
        // It would invent frames to receive otherwise.
        case config::PortType::null: vdev = "net_null0,no-rx=1"; break;
        case config::PortType::vdev: vdev = p.device; break;
        case config::PortType::ring: vdev = "net_ring0"; break;
        case config::PortType::pci: break;
    }
    if (!vdev.empty()) a.push_back("--vdev=" + vdev + (p.vdev_args.empty() ? "" : "," + p.vdev_args));
    return plan;
}

std::expected<void, std::string> start_eal(const EalPlan& plan) {
    std::vector<std::string> copies = plan.arguments;
    std::vector<char*> argv;
    for (auto& s : copies) argv.push_back(s.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0) return {};
    std::string line;
    for (const auto& s : plan.arguments) line += " " + s;
    return std::unexpected(std::string("EAL: ") + rte_strerror(rte_errno) + "; arguments were:" + line);
}

}  // namespace sluice::port
