#include "controlplane/app/control_plane.hpp"

#include <filesystem>
#include <utility>

#include "config/load.hpp"
#include "config/network.hpp"
#include "controlplane/admin/web.hpp"
#include "controlplane/app/page.hpp"
#include "controlplane/core/clock.hpp"
#include "controlplane/core/log.hpp"
#include "controlplane/core/random.hpp"
#include "signaling/whip/whip.hpp"

namespace sluice::app {
namespace {

using std::chrono::milliseconds;

jwt::Time now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

dpclient::ClientOptions client_options(const config::Config& config) {
    dpclient::ClientOptions options;
    options.path = config.dataplane.control_socket;
    options.old_segment = dpclient::state_fd_from_environment();
    return options;
}

// The engine is made after the client, and no handler runs before start().
dpclient::ClientHandlers client_handlers(room::Engine& engine, const ControlPlaneOptions& options) {
    dpclient::ClientHandlers h;
    h.on_connected = [&engine](const abi::HelloReply& hello, dpclient::ResyncKind kind) {
        engine.on_connected(hello, kind);
    };
    h.on_synced = [](const dpclient::ResyncReport& r) {
        core::log("app").info("in step with the data plane ({}): {} objects, {} refused", dpclient::name(r.kind), r.objects,
                              r.failed);
    };
    h.on_disconnected = [&engine] {
        core::log("app").warn("lost the data plane");
        engine.on_disconnected();
    };
    h.on_adopt = [&engine](const dpclient::Dump& dump) { engine.on_adopt(dump); };
    h.on_path = [&engine](const abi::EventPath& e) { engine.on_path(e); };
    h.on_source_bound = [&engine](const abi::EventSourceBound& e) { engine.on_source_bound(e); };
    h.on_silent = [&engine](const abi::EventTransportSilent& e) { engine.on_silent(e); };
    h.on_bye = [&engine](const abi::EventBye& e) { engine.on_bye(e); };
    h.on_observation = [&engine](const abi::EventObservation& e) { engine.on_observation(e); };
    h.on_punt = [&engine](const abi::PacketRecord& r, ByteView d) { engine.on_punt(r, d); };
    h.on_fenced = [&options] {
        if (options.on_fenced) options.on_fenced();
    };
    return h;
}

room::EngineEnvironment environment(dpclient::Program& program, dpclient::Client& client) {
    return {.program = program,
            .client = client,
            .random = [](std::span<std::uint8_t> out) { core::random_bytes(out); },
            .now_ns = [] { return core::monotonic_ns(); },
            .unix_ms = [] { return core::unix_ns() / 1'000'000; }};
}

http::Options server_options(const config::Config& config, int listening_fd) {
    http::Options options;
    options.listen_address = config.http.listen;
    options.port = config.http.port;
    options.listening_fd = listening_fd;
    options.max_connections = config.limits.http_connections;
    options.timeouts.handler = std::chrono::seconds(config.limits.request_timeout_s);
    if (!config.http.tls.certificate.empty()) options.tls = http::TlsFiles{config.http.tls.certificate, config.http.tls.key};
    return options;
}

std::string_view level_name(config::LogLevel level) {
    static constexpr std::string_view names[] = {"trace", "debug", "info", "warn", "error"};
    return names[static_cast<std::size_t>(level)];
}

}  // namespace

room::EngineOptions engine_options(const config::Config& config) {
    room::EngineOptions options;
    options.budget.egress_bps = 1e6 * config.admission.max_egress_mbps;
    options.budget.packets_per_s = config.admission.max_packets_per_s;
    options.budget.sessions = config.admission.max_sessions;
    options.budget.rooms = config.admission.max_rooms;
    options.budget.viewers_per_room = config.admission.max_viewers_per_room;
    for (const std::string& text : config.rtc.addresses)
        if (const auto address = config::parse_advertised(text)) options.public_addresses.push_back(address->advertised);
    if (config.rtc.prefer_suite == config::Suite::aes_cm_128_hmac_sha1_80)
        options.dtls.profiles = {dtls::SrtpProfile::aes128_cm_sha1_80, dtls::SrtpProfile::aead_aes_128_gcm};
    options.dtls_mtu = config.rtc.dtls.mtu;
    return options;
}

ControlPlane::ControlPlane(boost::asio::io_context& io, config::Config config, ControlPlaneOptions options)
    : config_(std::move(config)),
      options_(std::move(options)),
      client_(io, program_, client_options(config_), client_handlers(engine_, options_)),
      engine_(environment(program_, client_), engine_options(config_)),
      server_(io, server_options(config_, options_.listening_fd)),
      admin_(io, admin_router_),
      flights_(io),
      layers_(io),
      meters_(io) {
    if (options_.admin_socket.empty())
        options_.admin_socket =
            (std::filesystem::path(config_.dataplane.control_socket).parent_path() / "controlplane.sock").string();
    apply_config();
    mount();
}

ControlPlane::~ControlPlane() {
    stop();
}

void ControlPlane::apply_config() {
    auth_.keys.clear();
    for (const config::ApiKey& key : config_.keys) auth_.keys.emplace(key.name, key.secret);
    auth_.allow_anonymous = config_.mode == config::Mode::development;
    engine_.set_options(engine_options(config_));
}

void ControlPlane::mount() {
    whip::Options options;
    options.max_sdp_bytes = std::size_t{config_.limits.sdp_kb} * 1024;
    whip::mount(router_, engine_, room::make_authorize([this]() -> const room::AuthorizeOptions& { return auth_; }, now),
                options);
    admin::mount_web(
        router_, engine_,
        {.page = page(),
         .page_directory = config_.http.page == "builtin" ? std::string{} : config_.http.page,
         .gate = [this](const std::string& room, const std::optional<std::string>& token) { return api_gate(room, token); },
         .http_stats = [this] { return server_.stats(); }});
    admin::mount_admin(admin_router_, engine_);
}

std::optional<http::Response> ControlPlane::api_gate(const std::string& room,
                                                     const std::optional<std::string>& token) const {
    const auto refuse = [](int status, std::string_view detail) {
        http::Response response = http::Response::problem(status, status == 401 ? "Unauthorized" : "Forbidden", detail);
        if (status == 401) response.headers.set("WWW-Authenticate", "Bearer realm=\"sluice\"");
        return response;
    };
    if (!token) return auth_.allow_anonymous ? std::nullopt : std::optional{refuse(401, "an access token is needed")};
    const auto claims = jwt::verify(*token, auth_.keys, now());
    if (!claims) return refuse(401, claims.error().message);
    const jwt::VideoGrant& grant = claims->video;
    if (room.empty() ? grant.room_list : grant.can_join(room) || grant.room_admin) return std::nullopt;
    return refuse(403,
                  room.empty() ? "the token does not grant listing rooms (roomList)" : "the token does not grant this room");
}

std::expected<void, std::string> ControlPlane::start() {
    if (auto started = server_.start(router_); !started) return started;
    if (auto started = admin_.start(options_.admin_socket); !started) return started;
    client_.start();
    every(flights_, milliseconds(20), &room::Engine::tick);
    every(layers_, milliseconds(500), &room::Engine::tick_slow);
    every(meters_, milliseconds(1000), &room::Engine::tick_meters);
    core::log("app").info("HTTP on {} port {}, operators on {}", config_.http.listen, server_.port(), options_.admin_socket);
    return {};
}

void ControlPlane::stop() {
    flights_.cancel();
    layers_.cancel();
    meters_.cancel();
    server_.stop();
    admin_.stop();
    client_.stop();
}

void ControlPlane::every(boost::asio::steady_timer& timer, milliseconds period, void (room::Engine::*tick)()) {
    timer.expires_after(period);
    timer.async_wait([this, &timer, period, tick](boost::system::error_code error) {
        if (error) return;
        (engine_.*tick)();
        every(timer, period, tick);
    });
}

void ControlPlane::reload(const config::Config& wanted) {
    for (const config::Difference& d : config::diff(config_, wanted))
        core::log("app").info("config: {} {} -> {}{}", d.path, d.before, d.after,
                              d.change == config::Change::cold ? " (takes effect at the next start)" : "");
    const bool level = config_.log.level != wanted.log.level;
    config_ = config::apply_warm(config_, wanted);
    if (level) (void)core::set_log_level(level_name(config_.log.level));
    apply_config();
    if (!config_.http.tls.certificate.empty())
        if (auto reloaded = server_.reload_certificates(); !reloaded) core::log("app").error("{}", reloaded.error());
}

}  // namespace sluice::app
