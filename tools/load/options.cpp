#include "tools/load/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>

#include "tools/load/content.hpp"

namespace sluice::loadgen {
namespace {

// "http://HOST[:PORT]" with an IP literal or "localhost"; names are not resolved, so that nothing asks a DNS server.
std::optional<std::string> parse_url(Options& options) {
    std::string rest = options.url;
    constexpr std::string_view scheme = "http://";
    if (!rest.starts_with(scheme)) return "--url must begin with http://";
    rest.erase(0, scheme.size());
    while (rest.ends_with('/')) rest.pop_back();
    std::string host = rest;
    std::string port;
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == std::string::npos) return "--url: no ] after the IPv6 address";
        host = rest.substr(1, end - 1);
        if (end + 1 < rest.size()) port = rest.substr(end + 1);
    } else if (const auto colon = rest.find(':'); colon != std::string::npos) {
        host = rest.substr(0, colon);
        port = rest.substr(colon);
    }
    if (host == "localhost") host = "127.0.0.1";
    const auto address = IpAddress::parse(host);
    if (!address) return "--url: \"" + host + "\" is neither an IP address nor localhost";
    if (!address->is_private()) return "--url: " + host + " is a public address; sluice-load only talks to private ones";
    options.host = *address;
    if (port.empty()) return std::nullopt;
    std::uint16_t number = 0;
    const char* const end = port.data() + port.size();
    const auto [stopped, error] = std::from_chars(port.data() + 1, end, number);
    if (port[0] != ':' || error != std::errc{} || stopped != end || number == 0) return "--url: bad port \"" + port + "\"";
    options.http_port = number;
    return std::nullopt;
}

}  // namespace

std::optional<Usage> parse_options(std::vector<std::string> arguments, Options& o) {
    CLI::App app{
        "Packet-level WHIP publishers and WHEP viewers on kernel UDP sockets.\n"
        "While it runs it reads commands from stdin, one a line: status, detail, mark, viewers N, rebind K, delete K, "
        "quit.\n"
        "Exit: 0 fine, 1 the run failed (see \"failures\"), 2 wrong usage."};
    app.name("sluice-load");
    std::string engine = "libsrtp", bind;
    app.add_option("--url", o.url, "of the SFU; IP address or localhost")->capture_default_str();
    app.add_option("--room", o.room)->capture_default_str();
    app.add_option("--token", o.token, "bearer token for WHIP and WHEP");
    app.add_option("--publishers", o.publishers)->check(CLI::Range(0, 64))->capture_default_str();
    app.add_option("--viewers", o.viewers)->check(CLI::Range(0, 20000))->capture_default_str();
    app.add_option("--seconds", o.seconds, "from the last join on; 0: until the command quit")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--linger", o.linger_s, "seconds after the publishers stopped in which the rest may arrive")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--join-rate", o.join_rate, "viewers per second")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--join-timeout", o.join_timeout_s, "seconds for one POST with its retries")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--video-pps", o.video_pps, "packets per second; 0: no video")
        ->check(CLI::Range(0, 20000))
        ->capture_default_str();
    app.add_option("--video-size", o.video_size, "payload bytes")
        ->check(CLI::Range(static_cast<int>(min_video_payload), 1150))
        ->capture_default_str();
    app.add_option("--fps", o.fps)->check(CLI::Range(1, 120))->capture_default_str();
    app.add_option("--keyframe-packets", o.keyframe_packets)->check(CLI::Range(1, 500))->capture_default_str();
    app.add_option("--keyframe-interval-s", o.keyframe_interval_s, "0: only when asked")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_flag("--audio", o.audio, "50 packets per second of Opus");
    std::uint16_t start_sequence = 0;
    const CLI::Option* start =
        app.add_option("--start-sequence", start_sequence, "of the publishers; 65000 rolls the ROC soon");
    app.add_option("--suite", o.suite, "offer one SRTP suite only")->check(CLI::IsMember({"gcm", "cm"}));
    app.add_option("--engine", engine, "that opens: libsrtp is independent of the SFU's, ipsec_mb is fast")
        ->check(CLI::IsMember({"libsrtp", "ipsec_mb"}))
        ->capture_default_str();
    app.add_option("--bind", bind, "local address of the UDP sockets");
    app.add_flag("--ipv6", o.ipv6, "use the first IPv6 candidate");
    app.add_option("--consent-interval", o.consent_interval_s, "seconds")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--rebind-after", o.rebind_after_s, "seconds after which a viewer moves to a new UDP port")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--rebind-count", o.rebind_count, "how many viewers move")->capture_default_str();
    app.add_option("--pli-after", o.pli_after_s, "seconds without video")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--receive-loss", o.receive_loss, "share of incoming RTP that viewers throw away")
        ->check(CLI::Range(0.0, 0.9));
    app.add_flag("!--no-nack", o.nack, "viewers do not ask again");
    app.add_option("--record", o.record, "file: one line per SRTP and SRTCP packet");
    app.add_flag("--json", o.json, "the report as JSON");
    app.add_flag("--keep-sessions", o.keep_sessions, "no DELETE at the end");
    app.add_flag("--expect-no-loss", o.expect_no_loss, "loss is a failure");
    std::reverse(arguments.begin(), arguments.end());
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        std::ostringstream out, err;
        const int code = app.exit(error, out, err);
        return Usage{code == 0 ? 0 : 2, out.str() + err.str()};
    }
    if (start->count() != 0) o.start_sequence = start_sequence;
    o.engine = engine == "libsrtp" ? srtp::Backend::libsrtp : srtp::Backend::ipsec_mb;
    if (auto problem = parse_url(o)) return Usage{2, "sluice-load: " + *problem + "\n"};
    if (!bind.empty()) {
        o.bind = IpAddress::parse(bind);
        if (!o.bind) return Usage{2, "sluice-load: --bind: \"" + bind + "\" is no IP address\n"};
    }
    if (o.video_pps == 0 && !o.audio) return Usage{2, "sluice-load: neither video nor audio\n"};
    if (o.video_pps != 0 && o.video_pps < o.fps) o.fps = o.video_pps;
    return std::nullopt;
}

}  // namespace sluice::loadgen
