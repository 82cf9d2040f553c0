#include "tools/sluicectl/cli.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>

#include "config/load.hpp"
#include "config/manual.hpp"
#include "controlplane/core/clock.hpp"
#include "dataplane/abi/capture_ring.hpp"
#include "tools/sluicectl/capture.hpp"
#include "tools/sluicectl/completion.hpp"
#include "tools/sluicectl/data_plane.hpp"
#include "tools/sluicectl/event_feed.hpp"
#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/observed.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/top.hpp"
#include "tools/sluicectl/trace.hpp"
#include "tools/sluicectl/verbs.hpp"

namespace sluice::ctl {
namespace {

constexpr const char* footer =
    "\nExit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 the data plane is unreachable, 4 the control plane is "
    "unreachable.\n"
    "status ends with the code of the plane that is down, or with 1 if a thread of the data plane is stalled, after it has "
    "shown what it knows.\n"
    "workers, ports, drops, memory, top, capture, trace and `show leg` need the data plane only; `show transport` and "
    "`events --follow` make do with either plane.\n"
    "With --json, stdout is one line: {\"version\":1, \"command\", \"unix_ms\", \"exit_code\", \"error\", \"data_plane\",\n"
    "\"control_plane\", \"data\"}; ids are hexadecimal strings.";

// What the parser fills in, and what it decided.
struct Line {
    std::string config_file, control_socket, admin_socket;
    double interval = 1, patience = 2;
    bool json = false;
    bool all = false, stages = false, once = false, plain = false, off = false, follow = false;
    std::string id, room, file, ttl = "6h";
    std::uint16_t to_worker = 0;       // of move
    std::vector<std::string> subject;  // of trace
    double seconds = 0;
    CaptureRequest capture;
    std::string shell, page;
    TokenRequest token;

    std::string command;
    bool needs_config = true;
    std::function<Outcome(const Settings&)> verb;
};

using Verb = std::function<Outcome(const Settings&)>;
using AddVerb = std::function<CLI::App*(CLI::App& parent, std::string name, std::string help, Verb verb)>;

void add_data_plane_verbs(CLI::App& app, Line& line, const AddVerb& add) {
    add(app, "status", "both planes at a glance", status);
    add(app, "workers", "what each worker does", [&](const Settings& s) {
        return workers(s, line.stages);
    })->add_flag("--stages", line.stages, "also what each stage costs");
    add(app, "ports", "what each port carries and loses", ports);
    add(app, "drops", "why packets were dropped", [&](const Settings& s) {
        return drops(s, line.all);
    })->add_flag("--all", line.all, "also the reasons that never occurred");
    add(app, "memory", "how full the pools and tables are", memory);
}

void add_control_plane_verbs(CLI::App& app, Line& line, const AddVerb& add) {
    add(app, "rooms", "the rooms of this node", rooms);
    CLI::App* show = app.add_subcommand("show", "one room, transport or leg")->require_subcommand(1);
    add(*show, "room", "who is in a room", [&](const Settings& s) { return show_room(s, line.room); })
        ->add_option("ROOM", line.room)
        ->required();
    add(*show, "transport", "one peer's transport", [&](const Settings& s) { return show_transport(s, line.id); })
        ->add_option("ID", line.id)
        ->required();
    add(*show, "leg", "one stream to one viewer", [&](const Settings& s) { return show_leg(s, line.id); })
        ->add_option("ID", line.id)
        ->required();
    CLI::App* kicking =
        add(app, "kick", "end a session, or all of a room", [&](const Settings& s) { return kick(s, line.id, line.room); });
    auto* whom = kicking->add_option_group("whom")->require_option(1);
    whom->add_option("TRANSPORT", line.id, "id of the session's transport");
    whom->add_option("--room", line.room, "everybody in this room");
    CLI::App* moving = add(app, "move", "have a viewer served by another worker; its UDP port stays",
                           [&](const Settings& s) { return move(s, line.id, line.to_worker); });
    moving->add_option("TRANSPORT", line.id, "id of the viewer's transport")->required();
    moving->add_option("WORKER", line.to_worker, "the worker's number")->required();
    add(app, "drain", "refuse new sessions, let the others go on", [&](const Settings& s) {
        return drain(s, line.off);
    })->add_flag("--off", line.off, "take new sessions again");
}

// Those that run on: they write as they go, beside what they hand back.
void add_live_verbs(CLI::App& app, Line& line, const AddVerb& add, std::ostream& out, std::ostream& err,
                    const Terminal& terminal) {
    CLI::App* capturing = add(app, "capture", "frames of the workers as pcapng, for tshark", [&](const Settings& s) {
        if (line.capture.file == "-" && line.json)
            return Outcome::failed(Exit::usage, "--json and the capture cannot both go to stdout: give --write FILE");
        if (line.capture.file == "-" && terminal.is_terminal)
            return Outcome::failed(Exit::usage, "pcapng is no text: give --write FILE, or a pipe");
        line.capture.seconds = line.seconds;
        return capture(s, line.capture, out, line.json ? nullptr : &err);
    });
    capturing->add_option("--transport", line.capture.transports, "only of this transport; may be repeated")
        ->take_all()
        ->allow_extra_args(false);
    capturing->add_option("--room", line.capture.room, "only of the transports that are in this room now")
        ->excludes("--transport");
    capturing->add_option("--worker", line.capture.worker, "only of this worker");
    capturing->add_option("--count", line.capture.count, "end after so many frames");
    capturing->add_option("--seconds", line.seconds, "end after that time")->check(CLI::Range(0.0, 86'400.0));
    capturing->add_option("--snaplen", line.capture.snaplen, "bytes kept of a frame; default: all")
        ->check(CLI::Range(16u, static_cast<unsigned>(abi::max_captured)));
    capturing->add_option("--write,-w", line.capture.file, "the file; -: stdout")->capture_default_str();
    capturing->add_flag(
        "--plaintext", line.capture.plaintext,
        "media in the clear: RTP and RTCP as opened, and before they are sealed; the data plane logs who asked");
    CLI::App* tracing = add(app, "trace", "what happens to one transport, live", [&](const Settings& s) {
        if (line.subject.size() == 2 && line.subject[0] != "transport")
            return Outcome::failed(Exit::usage, "trace takes a transport: trace [transport] ID");
        return trace(s, {line.subject.back(), line.seconds, line.json}, out, line.json ? nullptr : &err);
    });
    tracing->add_option("[transport] ID", line.subject, "id of the transport")->required()->expected(1, 2);
    tracing->add_option("--seconds", line.seconds, "end after that time")->check(CLI::Range(0.0, 86'400.0));
    CLI::App* happening = add(app, "events", "what happened lately", [&](const Settings& s) {
        return line.follow ? follow_events(s, {line.room, line.seconds, line.json}, out, line.json ? nullptr : &err)
                           : events(s, line.room);
    });
    happening->add_option("--room", line.room, "only in this room");
    happening->add_flag("--follow,-f", line.follow, "go on with what happens; also while either plane restarts");
    happening->add_option("--seconds", line.seconds, "end after that time, with --follow")->check(CLI::Range(0.0, 86'400.0));
}

void add_other_verbs(CLI::App& app, Line& line, const AddVerb& add) {
    CLI::App* config = app.add_subcommand("config", "check, show or reload the configuration")->require_subcommand(1);
    add(*config, "check", "say what is wrong with a file", [&](const Settings&) { return config_check(line.file); })
        ->add_option("FILE", line.file)
        ->required();
    add(*config, "show", "the values in force with --config, or the defaults; secrets are masked", config_show);
    add(*config, "reload", "let the control plane read its file again; says what changed, or all that is wrong",
        config_reload);
    CLI::App* token = app.add_subcommand("token", "access tokens")->require_subcommand(1);
    CLI::App* create = add(*token, "create", "sign a token with a key of the configuration", [&](const Settings& s) {
        const auto ttl = parse_duration(line.ttl);
        if (!ttl)
            return Outcome::failed(Exit::usage,
                                   "--ttl: " + printable(line.ttl) + " is no duration such as 90s, 15m, 6h or 30d");
        line.token.ttl = *ttl;
        return token_create(s, line.token, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    });
    create->add_option("--room", line.token.room)->required();
    create->add_option("--identity", line.token.identity, "unique in the room")->required();
    create->add_option("--name", line.token.name, "what others see");
    create->add_option("--key", line.token.key, "name of the API key; default: the first of the configuration");
    create->add_flag("--publish", line.token.publish, "may publish; with neither of the two: both");
    create->add_flag("--subscribe", line.token.subscribe, "may subscribe");
    create->add_option("--ttl", line.ttl, "how long it is valid")->capture_default_str();
}

// For packages and builds, not for people: what is made from the parser's own model.
void add_generated_texts(CLI::App& app, Line& line, const AddVerb& add) {
    const auto text = [](std::string made) {
        Outcome outcome;
        outcome.data = {{"text", made}};
        outcome.text = std::move(made);
        return outcome;
    };
    CLI::App* completion = add(app, "completion", "completion for a shell",
                               [&app, text](const Settings&) { return text(bash_completion(app)); });
    completion->group("")->add_option("SHELL", line.shell)->required()->check(CLI::IsMember({"bash"}));
    CLI::App* man = add(app, "man", "a manual page", [&app, &line, text](const Settings&) {
        if (line.page == "sluice.conf") return text(config::configuration_page(SLUICE_VERSION));
        return text(
            config::command_page(app, {.name = "sluicectl",
                                       .section = 1,
                                       .summary = "look into a running Sluice and operate it",
                                       .version = SLUICE_VERSION,
                                       .details = {},
                                       .see_also = {"sluice.conf(5)", "sluice-dataplane(8)", "sluice-controlplane(8)"}}));
    });
    man->group("")->add_option("PAGE", line.page)->required()->check(CLI::IsMember({"sluicectl", "sluice.conf"}));
}

std::expected<Settings, Outcome> settings_of(const Line& line, const Terminal& terminal) {
    Settings s;
    if (!line.config_file.empty() && line.needs_config) {
        auto loaded = config::load_file(line.config_file);
        if (!loaded) return std::unexpected(config_check(line.config_file));
        s.config = std::move(*loaded);
        s.config_file = line.config_file;
    }
    s.control_socket = line.control_socket.empty() ? s.config.dataplane.control_socket : line.control_socket;
    s.admin_socket = line.admin_socket;
    if (s.admin_socket.empty())
        s.admin_socket = (std::filesystem::path(s.control_socket).parent_path() / "controlplane.sock").string();
    s.interval = std::chrono::milliseconds(static_cast<std::int64_t>(line.interval * 1000));
    s.patience = std::chrono::milliseconds(static_cast<std::int64_t>(line.patience * 1000));
    s.width = terminal.width;
    return s;
}

int finish(const Line& line, const Outcome& outcome, std::ostream& out, std::ostream& err) {
    if (line.json)
        out << envelope(line.command, outcome, core::unix_ns() / 1'000'000);
    else
        out << outcome.text;
    out.flush();
    if (!line.json) err << remarks(outcome);
    return static_cast<int>(outcome.exit);
}

Outcome live_top(const Line& line, const Settings& settings, std::ostream& out, const Terminal& terminal) {
    if (line.once) return top_once(settings);
    if (line.json) return top_stream(settings, out);
    // Before the screen is taken: a message would be lost with it.
    if (const auto plane = observe(settings.control_socket, settings.patience); !plane)
        return data_plane_down(plane.error());
    std::unique_ptr<Screen> screen = terminal.is_terminal && !line.plain ? curses_screen() : nullptr;
    if (!screen) screen = plain_screen(out, terminal.is_terminal);
    return top(settings, *screen);
}

}  // namespace

int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err, Terminal terminal) {
    Line line;
    CLI::App app{"Looks into a running Sluice and operates it.", "sluicectl"};
    app.fallthrough();  // the common options may stand behind the verb
    app.require_subcommand(1);
    app.footer(footer);
    app.set_version_flag("--version", "sluicectl " SLUICE_VERSION);
    app.option_defaults()->take_last();  // a script's defaults come first, the user's wish last
    app.add_option("--config", line.config_file, "configuration file; without it development's defaults");
    app.add_option("--control-socket", line.control_socket, "control socket of the data plane");
    app.add_option("--admin-socket", line.admin_socket,
                   "socket of the control plane; default: controlplane.sock beside the control socket");
    app.add_option("--interval", line.interval, "seconds between the two samples of a rate")
        ->check(CLI::Range(0.05, 3600.0))
        ->capture_default_str();
    app.add_option("--timeout", line.patience, "seconds to wait for either plane")
        ->check(CLI::Range(0.01, 600.0))
        ->capture_default_str();
    app.add_flag("--json", line.json, "one JSON document instead of text");

    const auto add = [&line](CLI::App& parent, std::string name, std::string help, Verb verb) {
        const std::string command = parent.get_name() == "sluicectl" ? name : parent.get_name() + ' ' + name;
        CLI::App* sub = parent.add_subcommand(name, std::move(help));
        sub->callback([&line, command, verb = std::move(verb)] {
            line.command = command;
            line.verb = verb;
            line.needs_config = command != "config check";
        });
        return sub;
    };
    add_data_plane_verbs(app, line, add);
    CLI::App* watching =
        add(app, "top", "what flows, live; q ends it", [&](const Settings& s) { return live_top(line, s, out, terminal); });
    watching->add_flag("--once", line.once, "one frame as text (or JSON), then end");
    watching->add_flag("--plain", line.plain, "escape sequences instead of ncurses");
    add_control_plane_verbs(app, line, add);
    add_live_verbs(app, line, add, out, err, terminal);
    add_other_verbs(app, line, add);
    add_generated_texts(app, line, add);

    std::ranges::reverse(arguments);  // as CLI11 takes them
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError& e) {
        return app.exit(e, out, err) == 0 ? 0 : static_cast<int>(Exit::usage);
    }
    const auto settings = settings_of(line, terminal);
    return finish(line, settings ? line.verb(*settings) : settings.error(), out, err);
}

}  // namespace sluice::ctl
