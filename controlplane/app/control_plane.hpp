// The control plane as one object: the client of the data plane, the engine, the HTTP server and the admin socket on one
// io_context, and the timers that drive them.
//
// Theory of operation. HTTP is served from the start; WHIP and WHEP answer 503 until the data plane is connected and
// synchronised. stop() closes the sockets and leaves every session to the data plane, which carries it on: the next
// process adopts them. reload() puts the warm keys of a new configuration in force.
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
};

class ControlPlane {
public:
    ControlPlane(boost::asio::io_context& io, config::Config config, ControlPlaneOptions options);
    ~ControlPlane();
    ControlPlane(const ControlPlane&) = delete;
    ControlPlane& operator=(const ControlPlane&) = delete;

    std::expected<void, std::string> start();
    void stop();
    void reload(const config::Config& wanted);

    [[nodiscard]] room::Engine& engine() noexcept { return engine_; }
    [[nodiscard]] std::uint16_t http_port() const { return server_.port(); }

private:
    void apply_config();
    void mount();
    void every(boost::asio::steady_timer& timer, std::chrono::milliseconds period, void (room::Engine::*tick)());
    [[nodiscard]] std::optional<http::Response> api_gate(const std::string& room,
                                                         const std::optional<std::string>& token) const;

    config::Config config_;
    ControlPlaneOptions options_;
    room::AuthorizeOptions auth_;
    dpclient::Program program_;
    dpclient::Client client_;
    room::Engine engine_;
    http::Router router_;
    http::Router admin_router_;
    http::Server server_;
    admin::UnixServer admin_;
    boost::asio::steady_timer flights_, layers_, meters_;
};

[[nodiscard]] room::EngineOptions engine_options(const config::Config& config);

}  // namespace sluice::app
