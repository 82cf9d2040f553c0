// The engine's state as JSON: for the page (rooms) and for operators (status, transports). Numbers that fit no JavaScript
// number (ids) are hexadecimal strings. No keys, passwords or tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/room/engine.hpp"

namespace sluice::admin {

inline constexpr int view_version = 1;  // of the operators' documents; raised when a field changes its meaning

// What the page shows. Nothing for a room that is not there.
[[nodiscard]] std::optional<std::string> room_json(const room::Engine& engine, std::string_view name);
[[nodiscard]] std::string rooms_json(const room::Engine& engine);

[[nodiscard]] std::string status_json(const room::Engine& engine);
// The same room with its sessions, one by one.
[[nodiscard]] std::optional<std::string> room_detail_json(const room::Engine& engine, std::string_view name);
[[nodiscard]] std::string events_json(const std::vector<room::Event>& events, std::uint64_t last);
[[nodiscard]] std::optional<std::string> transport_json(const room::Engine& engine, abi::TransportId id);

}  // namespace sluice::admin
