// What each part of the control plane is told, out of the configuration. Pure: a test changes every key that the control
// plane applies and sees one of these change.
#pragma once

#include <string>

#include "config/config.hpp"
#include "controlplane/dpclient/client.hpp"
#include "controlplane/room/authorize.hpp"
#include "controlplane/room/engine.hpp"
#include "signaling/http/server.hpp"
#include "signaling/whip/whip.hpp"

namespace sluice::app {

[[nodiscard]] room::EngineOptions engine_options(const config::Config& config);
[[nodiscard]] room::AuthorizeOptions authorize_options(const config::Config& config);
[[nodiscard]] http::Options server_options(const config::Config& config, int listening_fd);
[[nodiscard]] whip::Limits whip_limits(const config::Config& config);
[[nodiscard]] dpclient::ClientOptions client_options(const config::Config& config);
[[nodiscard]] unsigned handshake_threads(const config::Config& config);  // 0: as many as suit the machine
[[nodiscard]] std::string admin_socket(const config::Config& config);

struct LogSettings {
    std::string level;
    bool json = false;
    std::string node;
};
[[nodiscard]] LogSettings log_settings(const config::Config& config);

}  // namespace sluice::app
