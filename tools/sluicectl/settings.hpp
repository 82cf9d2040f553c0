// What every verb is told: where the planes are, and how to show things.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "tools/sluicectl/admin_client.hpp"
#include "tools/sluicectl/outcome.hpp"

namespace sluice::ctl {

struct Settings {
    config::Config config;    // of --config, or development's defaults
    std::string config_file;  // empty: none was given
    std::string control_socket;
    std::string admin_socket;
    std::chrono::milliseconds interval{1000};  // between the two samples of a rate
    std::size_t width = 0;                     // of the terminal; 0: no terminal
    std::chrono::milliseconds patience{2000};
};

[[nodiscard]] inline AdminClient admin(const Settings& settings) {
    return AdminClient(settings.admin_socket, settings.patience);
}

// Whether a control plane listens, without asking it anything.
[[nodiscard]] inline PlaneState control_plane_state(const Settings& settings) {
    const auto pid = admin(settings).listener();
    return pid ? PlaneState{true, {}} : PlaneState{false, pid.error().message};
}

[[nodiscard]] inline Outcome failed(const AdminError& error) {
    if (!error.unreachable) return Outcome::failed(Exit::failure, error.message);
    Outcome outcome = Outcome::failed(Exit::control_plane_unreachable, "the control plane is down: " + error.message);
    outcome.control_plane = PlaneState{false, error.message};
    return outcome;
}

}  // namespace sluice::ctl
