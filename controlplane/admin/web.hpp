// The public HTTP routes beside WHIP and WHEP: the page, health, metrics and what the page shows of a room.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/room/engine.hpp"
#include "signaling/http/router.hpp"
#include "signaling/http/server.hpp"

namespace sluice::admin {

struct PageFile {
    std::string_view path;  // "index.html"
    std::string_view content_type;
    std::string_view body;
};

struct WebOptions {
    std::span<const PageFile> page;  // compiled in
    // Asked at each request: "builtin", "off", or a directory whose files of the same names are read. Empty: "builtin".
    std::function<std::string()> page_source;
    // Gate of /api: empty = allowed, else the answer. Given the room (empty for the list) and the bearer token.
    std::function<std::optional<http::Response>(const std::string& room, const std::optional<std::string>& token)> gate;
    std::function<http::Stats()> http_stats;
};

// `router` and `engine` must outlive each other's use.
void mount_web(http::Router& router, const room::Engine& engine, WebOptions options);

// The operators' routes, for the admin socket: /v1/...
void mount_admin(http::Router& router, room::Engine& engine);

}  // namespace sluice::admin
