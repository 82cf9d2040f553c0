// The verbs, but for `top`. None prints; none exits.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tools/sluicectl/settings.hpp"
#include "tools/sluicectl/views.hpp"

namespace sluice::ctl {

// From the state segment alone: they work while the control plane is down.
[[nodiscard]] Outcome workers(const Settings& settings, bool stages);
[[nodiscard]] Outcome ports(const Settings& settings);
[[nodiscard]] Outcome drops(const Settings& settings, bool all);
[[nodiscard]] Outcome memory(const Settings& settings);
[[nodiscard]] Outcome show_leg(const Settings& settings, const std::string& id);

// From both planes, as far as they are up. `status` ends with the exit code of the plane that is down.
[[nodiscard]] Outcome status(const Settings& settings);
[[nodiscard]] Outcome show_transport(const Settings& settings, const std::string& id);

// From the control plane.
[[nodiscard]] Outcome rooms(const Settings& settings);
[[nodiscard]] Outcome show_room(const Settings& settings, const std::string& room);
[[nodiscard]] Outcome events(const Settings& settings, const std::string& room);  // "": of all rooms
[[nodiscard]] Outcome kick(const Settings& settings, const std::string& transport, const std::string& room);  // one of them
[[nodiscard]] Outcome move(const Settings& settings, const std::string& transport, std::uint16_t worker);
[[nodiscard]] Outcome drain(const Settings& settings, bool off);

[[nodiscard]] Outcome config_check(const std::string& file);
[[nodiscard]] Outcome config_show(const Settings& settings);
// Lets the control plane read its file again: what changed, or all that is wrong with it.
[[nodiscard]] Outcome config_reload(const Settings& settings);

struct TokenRequest {
    std::string room, identity;
    std::string name;                         // shown to others
    std::string key;                          // which API key signs; empty: the first
    bool publish = false, subscribe = false;  // neither: both
    std::chrono::seconds ttl{std::chrono::hours(6)};
};
[[nodiscard]] Outcome token_create(const Settings& settings, const TokenRequest& request, std::chrono::sys_seconds now);

}  // namespace sluice::ctl
