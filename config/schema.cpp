#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include "config/checks.hpp"

namespace sluice::config {
namespace {

// config.*A.*B... of a path of member pointers.
template <auto First, auto... Rest>
constexpr auto& member(auto& object) noexcept {
    if constexpr (sizeof...(Rest) == 0)
        return object.*First;
    else
        return member<Rest...>(object.*First);
}

template <auto... Path>
Value get(const Config& config) {
    const auto& field = member<Path...>(config);
    using T = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
        return static_cast<std::int64_t>(field);
    else
        return field;
}

// The caller has checked type and range.
template <auto... Path>
void set(Config& config, const Value& value) {
    auto& field = member<Path...>(config);
    using T = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
        field = static_cast<T>(std::get<std::int64_t>(value));
    else
        field = std::get<T>(value);
}

using Names = std::span<const std::string_view>;
constexpr std::string_view modes[] = {"development", "production"};
constexpr std::string_view suites[] = {"AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"};
constexpr std::string_view polls[] = {"adaptive", "busy"};
constexpr std::string_view hugepage_uses[] = {"auto", "on", "off"};
constexpr std::string_view sealers[] = {"auto", "avx512", "ipsec_mb", "libsrtp"};
constexpr std::string_view port_types[] = {"tap", "af_xdp", "pci", "memif", "ring", "null", "vdev"};
constexpr std::string_view levels[] = {"trace", "debug", "info", "warn", "error"};
constexpr std::string_view formats[] = {"text", "json"};

using Check = std::string (*)(std::string_view);
constexpr Change warm = Change::warm, cold = Change::cold;

template <auto... Path>
Row integer(std::string_view path, std::int64_t min, std::int64_t max, Change change, std::string_view doc) {
    return {path, Type::integer, min, max, {}, nullptr, change, doc, {}, get<Path...>, set<Path...>};
}
template <auto... Path>
Row choice(std::string_view path, Names names, Change change, std::string_view doc) {
    return {path, Type::choice, 0, 0, names, nullptr, change, doc, {}, get<Path...>, set<Path...>};
}
template <auto... Path>
Row text(std::string_view path, Check check, Change change, std::string_view doc, std::string_view example = {}) {
    return {path, Type::string, 0, 0, {}, check, change, doc, example, get<Path...>, set<Path...>};
}
template <auto... Path>
Row list(std::string_view path, Check check, Change change, std::string_view doc, std::string_view example) {
    return {path, Type::strings, 0, 0, {}, check, change, doc, example, get<Path...>, set<Path...>};
}

using C = Config;
using D = Dataplane;
constexpr auto dataplane = &C::dataplane;
constexpr auto dp_limits = &D::limits;
constexpr auto dp_port = &D::port;

const auto& rows() {
    static const auto table = std::to_array<Row>({
        choice<&C::mode>(
            "mode", modes, cold,
            "development serves this machine and refuses addresses that the internet could reach; production needs "
            "keys of your own."),

        text<&C::node, &Node::id>("node.id", checks::name, cold,
                                  "Names this machine in status, metrics and JSON logs; empty is the host name.",
                                  "\"edge-7\""),
        text<&C::node, &Node::region>("node.region", checks::name, warm,
                                      "Where the machine stands; shown in status and metrics.", "\"eu-central\""),

        text<&C::http, &Http::listen>("http.listen", checks::listen_address, cold,
                                      "The address of the HTTP and WebSocket server.", "\"0.0.0.0\""),
        integer<&C::http, &Http::port>("http.port", 1, 65535, cold, "TCP port of HTTP and WebSocket."),
        text<&C::http, &Http::page>("http.page", nullptr, warm,
                                    "The page at /: \"builtin\", \"off\", or a directory with one of your own.",
                                    "\"/srv/sluice/page\""),
        text<&C::http, &Http::tls, &Tls::certificate>("http.tls.certificate", nullptr, warm,
                                                      "PEM file with the chain; with it and the key the server speaks "
                                                      "HTTPS. Read again on reload, and by itself within a "
                                                      "minute of a change.",
                                                      "\"/etc/sluice/fullchain.pem\""),
        text<&C::http, &Http::tls, &Tls::key>("http.tls.key", nullptr, warm, "PEM file with the private key.",
                                              "\"/etc/sluice/privkey.pem\""),

        integer<&C::rtc, &Rtc::udp_port>("rtc.udp_port", 1, 65535, cold,
                                         "UDP port of the first worker's media; worker i has this plus i."),
        integer<&C::rtc, &Rtc::tcp_port>(
            "rtc.tcp_port", 1, 65535, cold,
            "TCP port for clients that cannot use UDP; ICE-TCP is not there yet, nothing listens."),
        list<&C::rtc, &Rtc::addresses>(
            "rtc.addresses", checks::advertised, warm,
            "The addresses that clients are told, each \"public\", or \"local=public\" behind 1:1 NAT. Never guessed; "
            "empty is the port's own address.",
            "( \"203.0.113.5\", \"10.0.0.4=203.0.113.6\", \"2001:db8::5\" )"),
        choice<&C::rtc, &Rtc::prefer_suite>("rtc.prefer_suite", suites, warm,
                                            "The SRTP suite to choose where the client offers both."),
        integer<&C::rtc, &Rtc::moves_per_s>("rtc.moves_per_s", 0, 10'000, warm,
                                            "Viewers that are moved to a less busy worker a second, while one is much "
                                            "busier than another. They notice nothing, "
                                            "and keep their port. 0 leaves each where it joined."),
        integer<&C::rtc, &Rtc::dtls, &Dtls::mtu>("rtc.dtls.mtu", 576, 1472, warm,
                                                 "Largest UDP payload of a DTLS handshake, in bytes."),
        integer<&C::rtc, &Rtc::dtls, &Dtls::certificate_days>(
            "rtc.dtls.certificate_days", 1, 3650, warm,
            "Lifetime of the DTLS certificate, which is generated and kept across restarts; new sessions get another when "
            "nine tenths of it are over."),
        integer<&C::rtc, &Rtc::dtls, &Dtls::threads>(
            "rtc.dtls.threads", 0, 8, cold,
            "Threads of the control plane that handshakes run on; 0 is a core less than there are, at most 8."),

        Row{"keys",
            Type::keys,
            0,
            0,
            {},
            nullptr,
            warm,
            "API keys: a name and its secret each, which sign the bearer tokens. In development devkey/secret if "
            "none are given.",
            "{ mykey = \"at least thirty-two bytes of secret\"; }",
            get<&C::keys>,
            set<&C::keys>},

        text<dataplane, &D::control_socket>("dataplane.control_socket", checks::socket_path, cold,
                                            "Unix socket between the planes, created with mode 0600."),
        integer<dataplane, &D::workers>("dataplane.workers", 1, 64, cold,
                                        "Packet workers, one per core, each with its own UDP port."),
        text<dataplane, &D::cores>("dataplane.cores", checks::cores, cold, "The cores of the workers, in their order.",
                                   "\"2-5,8\""),
        integer<dataplane, &D::main_core>("dataplane.main_core", 0, 1023, cold,
                                          "The core of the data plane's own chores; may be shared with the control plane."),
        choice<dataplane, &D::poll>("dataplane.poll", polls, cold,
                                    "adaptive sleeps for up to 200 us when idle; busy never sleeps."),
        choice<dataplane, &D::hugepages>("dataplane.hugepages", hugepage_uses, cold,
                                         "auto uses them where there are enough; on insists; off costs speed."),
        integer<dataplane, &D::memory_mb>("dataplane.memory_mb", 0, 1'048'576, cold,
                                          "Memory of the data plane in MB; 0 is what the limits need."),
        choice<dataplane, &D::sealer>(
            "dataplane.sealer", sealers, cold,
            "The SRTP implementation; auto is the fastest that this CPU runs, libsrtp is slow and there as the reference."),
        integer<dataplane, dp_limits, &DataplaneLimits::transports>(
            "dataplane.limits.transports", 1, 1'000'000, cold,
            "Peer connections in all workers together; memory is taken for them at start."),
        integer<dataplane, dp_limits, &DataplaneLimits::sources>("dataplane.limits.sources", 1, 1'000'000, cold,
                                                                 "Published SSRCs, simulcast layers counted singly."),
        integer<dataplane, dp_limits, &DataplaneLimits::legs>("dataplane.limits.legs", 1, 10'000'000, cold,
                                                              "Streams towards viewers: sources times their viewers."),
        integer<dataplane, dp_limits, &DataplaneLimits::history_mb>(
            "dataplane.limits.history_mb", 1, 1'048'576, cold,
            "Packets kept per worker for retransmission and newcomers, in MB."),
        choice<dataplane, dp_port, &Port::type>(
            "dataplane.port.type", port_types, cold,
            "tap: this machine only; af_xdp: shares a kernel interface; pci: a NIC of its own; vdev: any DPDK virtual "
            "device, "
            "for laboratories; memif: shared memory; ring (hears itself) and null (hears nothing): tests and benchmarks."),
        text<dataplane, dp_port, &Port::device>("dataplane.port.device", checks::device, cold,
                                                "PCI address of the NIC, for pci; DPDK's device string, for vdev.",
                                                "\"0000:03:00.0\""),
        text<dataplane, dp_port, &Port::interface>("dataplane.port.interface", checks::interface_name, cold,
                                                   "Name of the TAP, or of the kernel's interface for af_xdp.", "\"eth0\""),
        text<dataplane, dp_port, &Port::address>(
            "dataplane.port.address", checks::cidr4, cold,
            "The data plane's own IPv4 address and prefix, with af_xdp the interface's; empty without IPv4."),
        text<dataplane, dp_port, &Port::address6>(
            "dataplane.port.address6", checks::cidr6, cold,
            "The data plane's own IPv6 address and prefix, with af_xdp the interface's; empty without IPv6."),
        text<dataplane, dp_port, &Port::host_address>("dataplane.port.host_address", checks::address4, cold,
                                                      "The kernel's IPv4 address on the other side of the TAP."),
        text<dataplane, dp_port, &Port::host_address6>("dataplane.port.host_address6", checks::address6, cold,
                                                       "The kernel's IPv6 address on the other side of the TAP."),
        text<dataplane, dp_port, &Port::mac>("dataplane.port.mac", checks::mac, cold,
                                             "MAC address; empty is the device's own, or one derived from the address.",
                                             "\"02:00:5e:10:00:01\""),
        text<dataplane, dp_port, &Port::host_interface>(
            "dataplane.port.host_interface", checks::interface_name, cold,
            "For pci and vdev: the persistent TAP through which the kernel keeps the NIC's address, ARP, ICMP and TCP. Made "
            "by "
            "the host's setup; the data plane gives it the NIC's MAC. Empty: the data plane answers ARP and ping itself.",
            "\"host0\""),
        integer<dataplane, dp_port, &Port::vlan>(
            "dataplane.port.vlan", 0, 4094, cold,
            "802.1Q id under which the port announces itself and steers; 0 is untagged. Answers carry the tag of what they "
            "answer in any case."),
        integer<dataplane, dp_port, &Port::mtu>("dataplane.port.mtu", 1280, 9216, cold,
                                                "Largest IP packet in bytes; what would exceed it is dropped."),
        integer<dataplane, dp_port, &Port::queues>("dataplane.port.queues", 0, 64, cold,
                                                   "Receive queues; 0 is one per worker."),
        integer<dataplane, dp_port, &Port::egress_mbps>(
            "dataplane.port.egress_mbps", 0, 1'000'000,
            cold,
            "What leaves is held to this rate, Ethernet framing included, where the link carries others too or a provider "
            "drops "
            "what exceeds it; joins are refused from 95 % of it on. 0 is as fast as the port takes it."),
        text<dataplane, dp_port, &Port::xdp_program>(
            "dataplane.port.xdp_program", nullptr, cold,
            "XDP object file for af_xdp, with an XSKMAP called xsks_map; empty is Sluice's own.",
            "\"/usr/lib/sluice/filter.o\""),
        text<dataplane, dp_port, &Port::vdev_args>("dataplane.port.vdev_args", nullptr, cold,
                                                   "More arguments for the DPDK device, for memif and af_xdp.",
                                                   "\"role=client,socket=/run/memif.sock\""),

        integer<&C::admission, &Admission::max_egress_mbps>("admission.max_egress_mbps", 0, 10'000'000, warm,
                                                            "Joins are refused once this much is sent; 0 is no limit."),
        integer<&C::admission, &Admission::max_packets_per_s>(
            "admission.max_packets_per_s", 0, 1'000'000'000, warm,
            "Joins are refused once this many packets are sent per second; 0 is no limit."),
        integer<&C::admission, &Admission::max_sessions>("admission.max_sessions", 1, 1'000'000, warm,
                                                         "Publishers and viewers at one time."),
        integer<&C::admission, &Admission::max_rooms>("admission.max_rooms", 1, 1'000'000, warm, "Rooms at one time."),
        integer<&C::admission, &Admission::max_viewers_per_room>("admission.max_viewers_per_room", 1, 1'000'000, warm,
                                                                 "Viewers in one room."),
        integer<&C::admission, &Admission::max_joins>("admission.max_joins", 1, 1'000'000, warm,
                                                      "Joins under way at one time: answered, and not connected yet."),

        choice<&C::log, &Log::level>(
            "log.level", levels, warm,
            "The least severity that is written. The data plane takes it, and the format, at its start."),
        choice<&C::log, &Log::format>("log.format", formats, warm, "text for people, json for machines."),

        integer<&C::limits, &Limits::sdp_kb>("limits.sdp_kb", 4, 1024, warm, "Largest SDP accepted, in kB."),
        integer<&C::limits, &Limits::message_kb>("limits.message_kb", 4, 1024, warm,
                                                 "Largest WebSocket message or other HTTP body accepted, in kB."),
        integer<&C::limits, &Limits::http_connections>("limits.http_connections", 16, 1'000'000, warm,
                                                       "TCP connections at one time."),
        integer<&C::limits, &Limits::request_timeout_s>(
            "limits.request_timeout_s", 1, 300, warm,
            "Seconds in which the head of a request, and then its body, must have arrived."),
        integer<&C::limits, &Limits::room_name_bytes>("limits.room_name_bytes", 1, 1024, warm,
                                                      "Longest room name, in bytes of UTF-8."),
    });
    return table;
}

struct GroupDoc {
    std::string_view path;
    std::string_view doc;
};
constexpr GroupDoc group_docs[] = {
    {"node", "This machine."},
    {"http", "Signaling, the page and the API."},
    {"http.tls", "HTTPS; both keys or neither."},
    {"rtc", "What WebRTC clients connect to."},
    {"rtc.dtls", "The DTLS handshake."},
    {"dataplane", "The packet plane. All of it needs a restart of the data plane."},
    {"dataplane.limits", "Sizes of the tables and pools; the memory plan is printed at start."},
    {"dataplane.port", "The network port that media goes through."},
    {"admission", "Beyond these, a join is refused with 503 and a reason; those who are in stay undisturbed."},
    {"log", "Logs go to standard error."},
    {"limits", "What one client may ask for."},
};

}  // namespace

std::string_view Row::leaf() const noexcept {
    const auto dot = path.rfind('.');
    return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string_view Row::group() const noexcept {
    const auto dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::span<const Row> schema() noexcept {
    return rows();
}

const Row* find_row(std::string_view path) noexcept {
    const auto found = std::ranges::find(schema(), path, &Row::path);
    return found == schema().end() ? nullptr : &*found;
}

bool is_group(std::string_view path) noexcept {
    return std::ranges::find(group_docs, path, &GroupDoc::path) != std::end(group_docs);
}

std::string_view group_doc(std::string_view path) noexcept {
    const auto found = std::ranges::find(group_docs, path, &GroupDoc::path);
    return found == std::end(group_docs) ? std::string_view{} : found->doc;
}

std::string spell(const Row& row, const Value& value, bool reveal) {
    switch (row.type) {
        case Type::integer: return std::to_string(std::get<std::int64_t>(value));
        case Type::choice: return in_quotes(row.choices[static_cast<std::size_t>(std::get<std::int64_t>(value))]);
        case Type::string: return in_quotes(std::get<std::string>(value));
        case Type::strings: {
            std::string out = "(";
            for (const auto& text : std::get<StringList>(value)) out += (out.size() > 1 ? ", " : " ") + in_quotes(text);
            return out + " )";
        }
        case Type::keys: break;
    }
    std::string out = "{";
    for (const auto& key : std::get<KeyList>(value)) {
        out += ' ' + key.name + " = " + in_quotes(reveal ? key.secret : "***") + ';';
    }
    return out + " }";
}

std::string_view name_of(Type type) noexcept {
    constexpr std::string_view names[] = {"integer", "string", "choice", "list of strings", "group of strings"};
    return names[static_cast<std::size_t>(type)];
}

std::string_view name_of(Change change) noexcept {
    return change == Change::warm ? "warm" : "cold";
}

std::string range_of(const Row& row) {
    if (row.type == Type::integer) return std::to_string(row.min) + ".." + std::to_string(row.max);
    std::string out;
    for (const auto name : row.choices) out += (out.empty() ? "" : " | ") + std::string(name);
    return out;
}

}  // namespace sluice::config
