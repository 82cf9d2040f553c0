// The control plane as one object: the client of the data plane, the engine, the HTTP server and the admin socket on one
// io_context, and the timers that drive them.
//
// Theory of operation. HTTP is served from the start; WHIP and WHEP answer 503 until the data plane is connected and
// synchronised. stop() closes the sockets and leaves every session to the data plane, which carries it on: the next
// process adopts them. reload() puts the warm keys of a new configuration in force, or none of them; it is asked for over
// the admin socket or by SIGHUP. The HTTPS certificate is also looked after without being asked.
//
// Thread: the one that runs the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "config/diagnostic.hpp"
#include "controlplane/admin/reload.hpp"
#include "controlplane/admin/unix_server.hpp"
#include "controlplane/dpclient/client.hpp"
#include "controlplane/room/authorize.hpp"
#include "controlplane/room/engine.hpp"
#include "signaling/http/router.hpp"
#include "signaling/http/server.hpp"

namespace sluice::app {

struct ControlPlaneOptions {
    std::string admin_socket;         // empty: controlplane.sock beside the control socket
    int listening_fd = -1;            // of a supervisor that keeps the HTTP port open between two lives
    std::function<void()> on_fenced;  // another control plane took over: this one must end
    std::string config_file;          // empty: development's defaults, and nothing to reload
    // Reads the file again, and what overrides it.
    std::function<std::expected<config::Config, config::Diagnostics>()> read_config;
    std::chrono::milliseconds certificate_check{60'000};  // how often the HTTPS certificate's files are looked at
};

class ControlPlane {
public:
    ControlPlane(boost::asio::io_context& io, config::Config config, ControlPlaneOptions options);
    ~ControlPlane();
    ControlPlane(const ControlPlane&) = delete;
    ControlPlane& operator=(const ControlPlane&) = delete;

    std::expected<void, std::string> start();
    void stop();
    // Reads the file again and applies it. What is in force does not change when anything is wrong with it.
    admin::ReloadResult reload();
    std::expected<std::vector<config::Difference>, config::Diagnostics> reload(const config::Config& wanted);

    [[nodiscard]] room::Engine& engine() noexcept { return engine_; }
    [[nodiscard]] std::uint16_t http_port() const { return server_.port(); }

private:
    void apply_config();
    void mount();
    void refresh_certificate();
    void every(boost::asio::steady_timer& timer, std::chrono::milliseconds period, std::function<void()> tick);
    [[nodiscard]] std::optional<http::Response> api_gate(const std::string& room,
                                                         const std::optional<std::string>& token) const;

    config::Config config_;
    ControlPlaneOptions options_;
    room::AuthorizeOptions auth_;
    dpclient::Program program_;
    dpclient::Client client_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // for what the handshakes' threads have posted
    session::HandshakePool handshakes_;
    room::Engine engine_;
    http::Router router_;
    http::Router admin_router_;
    http::Server server_;
    admin::UnixServer admin_;
    boost::asio::steady_timer flights_, layers_, meters_, certificates_;
};

}  // namespace sluice::app
