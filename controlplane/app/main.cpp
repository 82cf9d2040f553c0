// sluice-controlplane: sessions, rooms and signaling. Exit codes: 0 after SIGTERM or SIGINT, 1 when it cannot start or was
// replaced by another control plane, 2 for a bad command line, 3 for a bad configuration.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "config/load.hpp"
#include "config/manual.hpp"
#include "config/schema.hpp"
#include "controlplane/app/control_plane.hpp"
#include "controlplane/core/log.hpp"

namespace {

struct Flags {
    std::string config;
    std::string control_socket;
    std::string admin_socket;
    std::optional<sluice::config::LogLevel> log_level;
    std::optional<std::uint16_t> http_port;
};

// What the command line says wins over the file, also after a reload.
std::expected<sluice::config::Config, sluice::config::Diagnostics> load(const Flags& flags) {
    sluice::config::Config config = sluice::config::load_default();
    if (!flags.config.empty()) {
        auto loaded = sluice::config::load_file(flags.config);
        if (!loaded) return std::unexpected(std::move(loaded.error()));
        config = std::move(*loaded);
    }
    if (flags.log_level) config.log.level = *flags.log_level;
    if (!flags.control_socket.empty()) config.dataplane.control_socket = flags.control_socket;
    if (flags.http_port) config.http.port = *flags.http_port;
    return config;
}

int listening_fd() {
    const char* text = std::getenv("SLUICE_LISTEN_FD");
    int fd = -1;
    if (text == nullptr || std::from_chars(text, text + std::strlen(text), fd).ec != std::errc{}) return -1;
    ::unsetenv("SLUICE_LISTEN_FD");
    return fd;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what nobody caught ends in a core dump, not in an exit code
int main(int argc, char** argv) {
    Flags flags;
    CLI::App cli{"The control plane of Sluice: WHIP and WHEP, rooms, ICE and DTLS", "sluice-controlplane"};
    cli.add_option("--config", flags.config, "configuration file; without it, development mode");
    cli.add_option("--control-socket", flags.control_socket, "control socket of the data plane");
    cli.add_option("--admin-socket", flags.admin_socket,
                   "socket for sluicectl; default: controlplane.sock beside the control socket");
    cli.add_option("--http-port", flags.http_port, "HTTP port; 0: any free one");
    std::string level;
    const auto& levels = sluice::config::find_row("log.level")->choices;
    cli.add_option("--log-level", level, "trace, debug, info, warn or error; overrides log.level")
        ->check(CLI::IsMember(std::vector<std::string>(levels.begin(), levels.end())));
    bool man = false;
    cli.add_flag("--man", man, "the manual page, in roff")->group("");
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return cli.exit(e) == 0 ? 0 : 2;
    }

    if (man) {
        std::fputs(sluice::config::command_page(
                       cli, {.name = "sluice-controlplane",
                             .section = 8,
                             .summary = "signaling, rooms, ICE and DTLS of Sluice",
                             .version = SLUICE_VERSION,
                             .details = {"It serves WHIP, WHEP, the page and metrics over HTTP, answers sluicectl on a unix "
                                         "socket, and programs the data plane, which carries the sessions on while this "
                                         "process is away. SIGHUP reads the configuration again; a file with a mistake "
                                         "changes nothing. SIGTERM and SIGINT end it.",
                                         "Exit status: 0 after SIGTERM or SIGINT, 1 when it cannot start or was replaced by "
                                         "another control plane, 2 for a bad command line, 3 for a bad configuration."},
                             .see_also = {"sluicectl(1)", "sluice.conf(5)", "sluice-dataplane(8)"}})
                       .c_str(),
                   stdout);
        return 0;
    }
    if (!level.empty())
        flags.log_level = static_cast<sluice::config::LogLevel>(std::ranges::find(levels, level) - levels.begin());

    const auto config = load(flags);
    if (!config) {
        std::fprintf(stderr, "%s", sluice::config::to_string(config.error()).c_str());
        return 3;
    }
    ::signal(SIGPIPE, SIG_IGN);

    boost::asio::io_context io(1);
    int exit_code = 0;
    sluice::app::ControlPlane control_plane(
        io, *config,
        {.admin_socket = flags.admin_socket,
         .listening_fd = listening_fd(),
         .on_fenced =
             [&] {
                 sluice::core::log("app").error("another control plane took over; this one ends");
                 exit_code = 1;
                 io.stop();
             },
         .config_file = flags.config,
         .read_config = [&] { return load(flags); }});
    if (const auto started = control_plane.start(); !started) {
        std::fprintf(stderr, "cannot start: %s\n", started.error().c_str());
        return 1;
    }

    boost::asio::signal_set endings(io, SIGTERM, SIGINT);
    endings.async_wait([&](boost::system::error_code error, int signal) {
        if (error) return;
        sluice::core::log("app").info("signal {}: ending; the data plane carries the sessions on", signal);
        io.stop();
    });
    boost::asio::signal_set reloads(io, SIGHUP);
    std::function<void()> await_reload = [&] {
        reloads.async_wait([&](boost::system::error_code error, int) {
            if (error) return;
            if (const auto done = control_plane.reload(); !done && !done.error().reason.empty())
                sluice::core::log("app").warn("SIGHUP: {}", done.error().reason);
            await_reload();
        });
    };
    await_reload();

    io.run();
    control_plane.stop();
    return exit_code;
}
