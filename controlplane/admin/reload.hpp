// Reloading the configuration over the admin socket: POST /v1/config/reload answers with what changed (200), or with all
// that is wrong (422, then nothing has changed), or why there is nothing to read (409).
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "signaling/http/router.hpp"

namespace sluice::admin {

struct ReloadReport {
    std::string file;
    std::vector<config::Difference> changes;  // warm ones are in force, cold ones wait for a restart
};
struct ReloadRefusal {
    std::string reason;               // when no file was read
    config::Diagnostics diagnostics;  // otherwise
};
using ReloadResult = std::expected<ReloadReport, ReloadRefusal>;

void mount_reload(http::Router& router, std::function<ReloadResult()> reload);

}  // namespace sluice::admin
