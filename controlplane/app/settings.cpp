#include "controlplane/app/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "config/network.hpp"
#include "config/schema.hpp"

namespace sluice::app {
namespace {

std::string node_id(const config::Config& config) {
    if (!config.node.id.empty()) return config.node.id;
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

room::EngineOptions engine_options(const config::Config& config) {
    room::EngineOptions options;
    options.budget.egress_bps = 1e6 * config.admission.max_egress_mbps;
    // A port of a known rate is not promised to the last bit: repairs and reports have to fit too.
    constexpr double promised = 0.95;
    if (const double port_bps = promised * 1e6 * config.dataplane.port.egress_mbps; port_bps != 0)
        options.budget.egress_bps =
            options.budget.egress_bps == 0 ? port_bps : std::min(options.budget.egress_bps, port_bps);
    options.budget.packets_per_s = config.admission.max_packets_per_s;
    options.budget.sessions = config.admission.max_sessions;
    options.budget.rooms = config.admission.max_rooms;
    options.budget.viewers_per_room = config.admission.max_viewers_per_room;
    options.budget.joins = config.admission.max_joins;
    for (const std::string& text : config.rtc.addresses)
        if (const auto address = config::parse_advertised(text)) options.public_addresses.push_back(address->advertised);
    if (config.rtc.prefer_suite == config::Suite::aes_cm_128_hmac_sha1_80)
        options.dtls.profiles = {dtls::SrtpProfile::aes128_cm_sha1_80, dtls::SrtpProfile::aead_aes_128_gcm};
    options.moves_per_s = config.rtc.moves_per_s;
    options.dtls_mtu = config.rtc.dtls.mtu;
    options.certificate_days = config.rtc.dtls.certificate_days;
    options.node_id = node_id(config);
    options.node_region = config.node.region;
    return options;
}

room::AuthorizeOptions authorize_options(const config::Config& config) {
    room::AuthorizeOptions options;
    for (const config::ApiKey& key : config.keys) options.keys.emplace(key.name, key.secret);
    options.allow_anonymous = config.mode == config::Mode::development;
    return options;
}

http::Options server_options(const config::Config& config, int listening_fd) {
    http::Options options;
    options.listen_address = config.http.listen == "localhost" ? "127.0.0.1" : config.http.listen;
    options.port = config.http.port;
    options.listening_fd = listening_fd;
    options.max_connections = config.limits.http_connections;
    options.limits.body_bytes = std::size_t{1024} * std::max(config.limits.sdp_kb, config.limits.message_kb);
    options.limits.websocket_message_bytes = std::size_t{1024} * config.limits.message_kb;
    options.timeouts.header = options.timeouts.body = std::chrono::seconds(config.limits.request_timeout_s);
    if (!config.http.tls.certificate.empty()) options.tls = http::TlsFiles{config.http.tls.certificate, config.http.tls.key};
    return options;
}

whip::Limits whip_limits(const config::Config& config) {
    return {.sdp_bytes = std::size_t{1024} * config.limits.sdp_kb, .room_name_bytes = config.limits.room_name_bytes};
}

dpclient::ClientOptions client_options(const config::Config& config) {
    dpclient::ClientOptions options;
    options.path = config.dataplane.control_socket;
    return options;
}

unsigned handshake_threads(const config::Config& config) {
    return config.rtc.dtls.threads;
}

std::string admin_socket(const config::Config& config) {
    return (std::filesystem::path(config.dataplane.control_socket).parent_path() / "controlplane.sock").string();
}

LogSettings log_settings(const config::Config& config) {
    const auto& names = config::find_row("log.level")->choices;
    return {.level = std::string(names[static_cast<std::size_t>(config.log.level)]),
            .json = config.log.format == config::LogFormat::json,
            .node = node_id(config)};
}

}  // namespace sluice::app
