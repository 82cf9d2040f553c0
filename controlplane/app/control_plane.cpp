#include "controlplane/app/control_plane.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "config/load.hpp"
#include "controlplane/admin/web.hpp"
#include "controlplane/app/page.hpp"
#include "controlplane/app/settings.hpp"
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

dpclient::ClientOptions with_old_segment(dpclient::ClientOptions options) {
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

room::EngineEnvironment environment(dpclient::Program& program, dpclient::Client& client,
                                    session::HandshakePool& handshakes) {
    return {.program = program,
            .client = client,
            .handshakes = handshakes,
            .random = [](std::span<std::uint8_t> out) { core::random_bytes(out); },
            .now_ns = [] { return core::monotonic_ns(); },
            .unix_ms = [] { return core::unix_ns() / 1'000'000; }};
}

}  // namespace

ControlPlane::ControlPlane(boost::asio::io_context& io, config::Config config, ControlPlaneOptions options)
    : config_(std::move(config)),
      options_(std::move(options)),
      client_(io, program_, with_old_segment(client_options(config_)), client_handlers(engine_, options_)),
      handshakes_(handshake_threads(config_),
                  [this, &io] {
                      boost::asio::post(io, [this, alive = std::weak_ptr(alive_)] {
                          if (!alive.expired()) engine_.on_handshakes();
                      });
                  }),
      engine_(environment(program_, client_, handshakes_), engine_options(config_)),
      server_(io, server_options(config_, options_.listening_fd)),
      admin_(io, admin_router_),
      flights_(io),
      layers_(io),
      meters_(io),
      certificates_(io) {
    if (options_.admin_socket.empty()) options_.admin_socket = admin_socket(config_);
    apply_config();
    mount();
}

ControlPlane::~ControlPlane() {  // NOLINT(bugprone-exception-escape): Asio reports no error when a timer is cancelled
    stop();
}

void ControlPlane::apply_config() {
    const LogSettings log = log_settings(config_);
    (void)core::set_log_level(log.level);
    core::set_log_json(log.json, log.node);
    auth_ = authorize_options(config_);
    engine_.set_options(engine_options(config_));
    const http::Options server = server_options(config_, options_.listening_fd);
    server_.set_limits(server.limits, server.timeouts, server.max_connections);
}

void ControlPlane::mount() {
    whip::Options options;
    options.limits = [this] { return whip_limits(config_); };
    whip::mount(router_, engine_, room::make_authorize([this]() -> const room::AuthorizeOptions& { return auth_; }, now),
                options);
    admin::mount_web(
        router_, engine_,
        {.page = page(),
         .page_source = [this] { return config_.http.page; },
         .gate = [this](const std::string& room, const std::optional<std::string>& token) { return api_gate(room, token); },
         .http_stats = [this] { return server_.stats(); }});
    admin::mount_admin(admin_router_, engine_);
    admin::mount_reload(admin_router_, [this] { return reload(); });
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
    every(flights_, milliseconds(20), [this] { engine_.tick(); });
    every(layers_, milliseconds(500), [this] { engine_.tick_slow(); });
    every(meters_, milliseconds(1000), [this] { engine_.tick_meters(); });
    every(certificates_, options_.certificate_check, [this] { refresh_certificate(); });
    core::log("app").info("HTTP on {} port {}, operators on {}", config_.http.listen, server_.port(), options_.admin_socket);
    return {};
}

void ControlPlane::stop() {
    flights_.cancel();
    layers_.cancel();
    meters_.cancel();
    certificates_.cancel();
    server_.stop();
    admin_.stop();
    client_.stop();
}

void ControlPlane::every(boost::asio::steady_timer& timer, milliseconds period, std::function<void()> tick) {
    timer.expires_after(period);
    timer.async_wait([this, &timer, period, tick = std::move(tick)](boost::system::error_code error) mutable {
        if (error) return;
        tick();
        every(timer, period, std::move(tick));
    });
}

void ControlPlane::refresh_certificate() {
    const auto refreshed = server_.refresh_certificates();
    if (!refreshed)
        core::log("app").error("the HTTPS certificate stays as it was: {}", refreshed.error());
    else if (*refreshed)
        core::log("app").info("the HTTPS certificate was read again: {}", config_.http.tls.certificate);
}

admin::ReloadResult ControlPlane::reload() {
    if (options_.config_file.empty() || !options_.read_config)
        return std::unexpected(
            admin::ReloadRefusal{"the control plane was started without --config: there is nothing to read again", {}});
    auto wanted = options_.read_config();
    auto changes = wanted ? reload(*wanted) : std::unexpected(std::move(wanted.error()));
    if (changes) return admin::ReloadReport{options_.config_file, std::move(*changes)};
    core::log("app").error("the configuration stays as it was:\n{}", config::to_string(changes.error()));
    return std::unexpected(admin::ReloadRefusal{{}, std::move(changes.error())});
}

std::expected<std::vector<config::Difference>, config::Diagnostics> ControlPlane::reload(const config::Config& wanted) {
    const config::Config next = config::apply_warm(config_, wanted);
    // The one thing that can go wrong with a correct file comes first, so that all is applied or nothing.
    if (auto tls = server_.set_tls(server_options(next, -1).tls); !tls)
        return std::unexpected(config::Diagnostics{{options_.config_file, 0, "http.tls.certificate", tls.error(), ""}});
    auto changes = config::diff(config_, wanted);
    config_ = next;
    apply_config();
    for (const config::Difference& d : changes)
        core::log("app").info("config: {} {} -> {}{}", d.path, d.before, d.after,
                              d.change == config::Change::cold ? " (takes effect at the next start)" : "");
    if (changes.empty()) core::log("app").info("config: read again, nothing changed");
    return changes;
}

}  // namespace sluice::app
