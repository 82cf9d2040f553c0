#include "tools/load/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "config/manual.hpp"
#include "tools/load/content.hpp"
#include "tools/load/url.hpp"

namespace sluice::loadgen {
namespace {

// Sets the server and, where the URL has one, the path. All endpoints are on one server.
std::optional<std::string> take_url(std::string_view option, const std::string& text, Options& options, std::string* path) {
    auto url = parse_url(text, path == nullptr ? 7880 : 80);
    if (!url) return std::string{option} + ": " + url.error();
    if (url->path == "/") url->path.clear();
    if (path == nullptr && !url->path.empty()) return std::string{option} + " has a path: use --whip-url and --whep-url";
    if (path != nullptr && options.server.port != 0 && options.server != url->server)
        return std::string{option} + " names another server than the options before";
    options.server = url->server;
    if (path != nullptr) *path = url->path.empty() ? "/" : url->path;
    return std::nullopt;
}

const config::ManPage manual{
    .name = "sluice-load",
    .section = 1,
    .summary = "packet-level WHIP publishers and WHEP viewers",
    .version = SLUICE_VERSION,
    .details =
        {"Thousands of viewers and publishers in one process, each a WebRTC peer on a UDP socket of its own: HTTP, ICE with "
         "consent, DTLS, SRTP under its own keys, receiver reports, NACK with RTX, PLI and transport-cc. They check the "
         "numbers "
         "of every packet and the content of all or a sample.",
         "A report says what was lost, repeated or reordered; how long a join took (from the wish to connected), its POST "
         "alone, and the wait for a first picture (a whole key frame); the latency from the publisher's send to the "
         "viewer's "
         "kernel, where both are on one machine; what the publishers were asked for; and what this process itself took of "
         "the CPU. rtp_filled are packets that came late, in a gap, by themselves; rtx_received came by RTX; rtp_lost "
         "neither way. With --json it is one line; while it runs stdin takes commands, each answered by a line."},
    .see_also = {"sluicectl(1)"}};

}  // namespace

std::optional<Usage> parse_options(std::vector<std::string> arguments, Options& o) {
    CLI::App app{
        "Packet-level WHIP publishers and WHEP viewers on kernel UDP sockets, against any server.\n"
        "A flash crowd: --viewers 1000 --join-rate 0. Many rooms: --rooms 1000 --publishers 5 --viewers 5 --audio.\n"
        "Another server: --whip-url http://127.0.0.1:8080/whip --whep-url http://127.0.0.1:8080/whep --token T.\n"
        "While it runs it reads commands from stdin, one a line: status, detail, mark, viewers N, rebind K, delete K, "
        "quit.\n"
        "Exit: 0 fine, 1 the run failed (see \"failures\"), 2 wrong usage."};
    app.name("sluice-load");
    std::string engine = "libsrtp", bind, whip_url, whep_url;
    double video_kbps = 0;
    app.add_option("--url", o.url, "of the SFU; IP address or localhost")->capture_default_str();
    app.add_option("--whip-url", whip_url, "where publishers POST, on another server; {room} is the room's name");
    app.add_option("--whep-url", whep_url, "the same for viewers");
    app.add_option("--room", o.room, "with --rooms the first part of their names")->capture_default_str();
    app.add_option("--rooms", o.rooms, "each with the publishers and viewers given")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    app.add_option("--token", o.token, "bearer token for WHIP and WHEP");
    app.add_option("--publishers", o.publishers, "per room")->check(CLI::Range(0, 10000))->capture_default_str();
    app.add_option("--viewers", o.viewers, "per room")->check(CLI::Range(0, 50000))->capture_default_str();
    app.add_option("--seconds", o.seconds, "from the last join on; 0: until the command quit")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--linger", o.linger_s, "seconds after the publishers stopped in which the rest may arrive")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--join-rate", o.join_rate, "viewers per second; 0: all at once")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--http-connections", o.http_connections, "kept alive; so many requests are under way at once")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    app.add_option("--join-timeout", o.join_timeout_s, "seconds for one POST with its retries")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--video-pps", o.video_pps, "packets per second; 0: no video")
        ->check(CLI::Range(0, 20000))
        ->capture_default_str();
    app.add_option("--video-kbps", video_kbps, "of RTP payload, instead of --video-pps")->check(CLI::PositiveNumber);
    app.add_option("--video-size", o.video_size, "payload bytes")
        ->check(CLI::Range(static_cast<int>(min_video_payload), 1150))
        ->capture_default_str();
    app.add_option("--fps", o.fps)->check(CLI::Range(1, 120))->capture_default_str();
    app.add_option("--keyframe-packets", o.keyframe_packets)->check(CLI::Range(1, 500))->capture_default_str();
    app.add_option("--keyframe-interval-s", o.keyframe_interval_s, "0: only when asked")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_flag("--audio", o.audio, "50 packets per second of Opus");
    app.add_option("--viewer-videos", o.viewer_videos, "video sections that a viewer offers")
        ->check(CLI::Range(0, 200))
        ->capture_default_str();
    app.add_option("--viewer-audios", o.viewer_audios, "audio sections, with --audio")
        ->check(CLI::Range(0, 200))
        ->capture_default_str();
    std::uint16_t start_sequence = 0;
    const CLI::Option* start =
        app.add_option("--start-sequence", start_sequence, "of the publishers; 65000 rolls the ROC soon");
    app.add_option("--suite", o.suite, "offer one SRTP suite only")->check(CLI::IsMember({"gcm", "cm"}));
    app.add_option("--engine", engine, "that opens: libsrtp is independent of the SFU's, ipsec_mb is fast")
        ->check(CLI::IsMember({"libsrtp", "ipsec_mb"}))
        ->capture_default_str();
    app.add_option("--oracle-viewers", o.oracle_viewers,
                   "with libsrtp: how many of the viewers open with it; the others use ipsec_mb, at a tenth of the cost")
        ->capture_default_str();
    app.add_option(
           "--check-sample", o.check_sample,
           "of those others, and with ipsec_mb of all: 1 of N packets is opened and its content compared, whatever is "
           "out of order too, the rest is accounted by its header; 0: 1 up to 250 viewers, 4 up to 1000, else 16")
        ->check(CLI::Range(0, 1000));
    app.add_option("--bind", bind, "local address of the UDP sockets");
    app.add_flag("--ipv6", o.ipv6, "use the first IPv6 candidate");
    app.add_option("--consent-interval", o.consent_interval_s, "seconds")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--rebind-after", o.rebind_after_s, "seconds after which a viewer moves to a new UDP port")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--rebind-count", o.rebind_count, "how many viewers move")->capture_default_str();
    app.add_option("--pli-after", o.pli_after_s, "seconds without video")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--receive-loss", o.receive_loss, "share of incoming RTP that viewers throw away")
        ->check(CLI::Range(0.0, 0.9));
    app.add_flag("!--no-rtcp", o.rtcp, "viewers send no RTCP");
    app.add_flag("!--no-nack", o.nack, "viewers do not ask again");
    app.add_flag("!--no-pli", o.pli, "viewers do not ask for a picture");
    app.add_flag("!--no-transport-cc", o.transport_cc, "viewers do not offer transport-cc");
    app.add_option("--record", o.record, "file: one line per SRTP and SRTCP packet");
    app.add_flag("--json", o.json, "the report as JSON");
    app.add_flag("--keep-sessions", o.keep_sessions, "no DELETE at the end");
    app.add_flag("--progress", o.progress, "a line a second on stderr, as on a terminal");
    app.add_flag("--expect-no-loss", o.expect_no_loss, "loss is a failure");
    app.add_option("--expect-join-ms", o.expect_join_ms, "a larger p99 of the join is a failure")
        ->check(CLI::PositiveNumber);
    app.add_option("--expect-picture-ms", o.expect_picture_ms, "the same for the wait from the join to a whole picture")
        ->check(CLI::PositiveNumber);
    bool man = false;
    app.add_flag("--man", man, "the manual page, in roff")->group("");
    std::reverse(arguments.begin(), arguments.end());
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        std::ostringstream out, err;
        const int code = app.exit(error, out, err);
        return Usage{code == 0 ? 0 : 2, out.str() + err.str()};
    }
    if (man) return Usage{0, config::command_page(app, manual)};
    if (start->count() != 0) o.start_sequence = start_sequence;
    o.engine = engine == "libsrtp" ? srtp::Backend::libsrtp : srtp::Backend::ipsec_mb;
    o.server = {};
    auto problem = whip_url.empty() ? std::nullopt : take_url("--whip-url", whip_url, o, &o.whip_path);
    if (!problem && !whep_url.empty()) problem = take_url("--whep-url", whep_url, o, &o.whep_path);
    if (!problem && whip_url.empty() && whep_url.empty()) problem = take_url("--url", o.url, o, nullptr);
    if (problem) return Usage{2, "sluice-load: " + *problem + "\n"};
    if (o.check_sample == 0) {
        const std::uint64_t viewers = std::uint64_t{o.viewers} * o.rooms;
        o.check_sample = viewers <= 250 ? 1 : viewers <= 1000 ? 4 : 16;
    }
    if (video_kbps > 0 && o.video_pps != 0)
        o.video_pps = std::max(1U, static_cast<std::uint32_t>(video_kbps * 125 / o.video_size));
    if (!bind.empty()) {
        o.bind = IpAddress::parse(bind);
        if (!o.bind) return Usage{2, "sluice-load: --bind: \"" + bind + "\" is no IP address\n"};
    }
    if (o.video_pps == 0 && !o.audio) return Usage{2, "sluice-load: neither video nor audio\n"};
    if (o.video_pps != 0 && o.video_pps < o.fps) o.fps = o.video_pps;
    return std::nullopt;
}

std::string room_name(const Options& options, std::uint32_t room) {
    return options.rooms == 1 ? options.room : options.room + '-' + std::to_string(room + 1);
}

}  // namespace sluice::loadgen
