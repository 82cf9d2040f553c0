// sluice-dataplane: reads the configuration, brings up EAL and the workers, serves the control socket until it is told to
// stop.

#include <fmt/format.h>
#include <rte_eal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "config/load.hpp"
#include "config/manual.hpp"
#include "dataplane/app/data_plane.hpp"
#include "dataplane/app/log.hpp"
#include "dataplane/app/service_manager.hpp"
#include "dataplane/port/af_xdp_host.hpp"
#include "dataplane/port/eal.hpp"

namespace {

volatile std::sig_atomic_t stop_requested = 0;

int fail(const std::string& why) {
    sluice::app::log(sluice::config::LogLevel::error, why);
    return 1;
}

// Keys live in this process from the first connection on: no core files, no ptrace by the unprivileged. Not before the port
// is up: without root such a process cannot open its own /proc/self/fd, where the XDP filter is.
void protect_secrets() {
    const rlimit none{0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

// Read-only, as everybody else has it. Media does not depend on a supervisor that keeps nothing.
void hand_over_state(const sluice::telemetry::Segment& segment) {
    const int fd = segment.memory().read_only_fd();
    if (fd < 0) return (void)fail("the state segment is not kept: it cannot be opened again");
    if (const auto kept = sluice::app::keep_fd("state", fd); !kept) fail("the state segment is not kept: " + kept.error());
    close(fd);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what nobody caught ends in a core dump, not in an exit code
int main(int argc, char** argv) {
    using namespace sluice;
    CLI::App cli("The data plane of Sluice: everything that happens per packet.");
    std::string config_path;
    std::string control_socket;
    int watchdog_ms = 1000;
    bool plan_only = false;
    cli.add_option("--config", config_path, "configuration file; without it development mode's defaults");
    cli.add_option("--control-socket", control_socket, "overrides dataplane.control_socket");
    cli.add_option("--watchdog-ms", watchdog_ms, "abort when a worker makes no progress for this long; 0 = never")
        ->check(CLI::Range(0, 600'000));
    cli.add_flag("--plan", plan_only, "print the memory plan and the EAL arguments, and stop");
    bool man = false;
    cli.add_flag("--man", man, "the manual page, in roff")->group("");
    CLI11_PARSE(cli, argc, argv);
    if (man) {
        fmt::print("{}", config::command_page(
                             cli, {.name = "sluice-dataplane",
                                   .section = 8,
                                   .summary = "the packet plane of Sluice",
                                   .version = SLUICE_VERSION,
                                   .details = {"It takes a network port with DPDK, opens, fans out and seals media on "
                                               "poll-mode workers, and serves the control socket for sluice-controlplane "
                                               "and sluicectl. SIGTERM and SIGINT end it. A worker that is stuck aborts it, "
                                               "so that its supervisor starts it again."},
                                   .see_also = {"sluicectl(1)", "sluice.conf(5)", "sluice-controlplane(8)"}}));
        return 0;
    }

    config::Config config = config::load_default();
    if (!config_path.empty()) {
        auto loaded = config::load_file(config_path);
        if (!loaded) return fail(config::to_string(loaded.error()));
        config = std::move(*loaded);
    }
    if (!control_socket.empty()) config.dataplane.control_socket = control_socket;
    app::set_log(app::log_settings(config));
    const app::MemoryPlan plan = app::plan_memory(config.dataplane);
    const auto needed_mb = static_cast<unsigned>((plan.pools_bytes >> 20) + 24);
    std::unique_ptr<port::AfXdpHost> af_xdp;  // outlives EAL
    if (config.dataplane.port.type == config::PortType::af_xdp && !plan_only) {
        auto acquired = port::AfXdpHost::acquire(config);
        if (!acquired) return fail(acquired.error());
        af_xdp = std::move(*acquired);
        if (af_xdp->removed_stale_filter())
            app::log(config::LogLevel::info, "removed the XDP filter that an earlier data plane left");
        config.dataplane.port.xdp_program = af_xdp->program();
    }
    const unsigned free_mb = port::free_hugepages_mb();
    const auto eal = port::plan_eal(config.dataplane, free_mb, needed_mb);
    if (!eal) return fail(eal.error());
    app::log(config::LogLevel::info, plan.to_string());
    if (!eal->hugepages) {
        app::log(config::LogLevel::warn,
                 fmt::format("running without hugepages ({} MB free, {} MB needed): the same functions, 5 to 30 % slower",
                             free_mb, needed_mb));
    }
    if (plan_only) {
        fmt::print("{}\n", plan.to_string());
        for (const auto& a : eal->arguments) fmt::print("{} ", a);
        fmt::print("\n");
        return 0;
    }
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(config.dataplane.control_socket).parent_path(), ignored);
    if (const auto started = port::start_eal(*eal); !started) return fail(started.error());
    int result = 0;
    {
        app::Options options;
        options.watchdog_ms = watchdog_ms;
        if (af_xdp != nullptr) options.next_hop_interface = af_xdp->interface().index;
        auto plane = app::DataPlane::create(config, options);
        if (!plane) {
            result = fail(plane.error());
        } else {
            protect_secrets();
            for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { stop_requested = 1; });
            hand_over_state((*plane)->segment());
            (*plane)->start_workers();
            app::log(config::LogLevel::info, fmt::format("sluice-dataplane serves {} with {} worker(s)",
                                                         config.dataplane.control_socket, config.dataplane.workers));
            if (const auto told = app::notify("READY=1"); !told) fail(told.error());
            while (stop_requested == 0 && (*plane)->failure().empty()) (*plane)->turn(1);
            if (!(*plane)->failure().empty()) result = fail((*plane)->failure());
        }
    }
    (void)rte_eal_cleanup();
    return result;
}
