// The engine and the data plane's counters in OpenMetrics text (version 1.0.0): by room, by worker, by drop reason; never by
// leg or session, whose number has no bound.
#pragma once

#include <string>

#include "controlplane/room/engine.hpp"
#include "signaling/http/server.hpp"

namespace sluice::admin {

inline constexpr const char* openmetrics_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";

[[nodiscard]] std::string metrics_text(const room::Engine& engine, const http::Stats& http);

}  // namespace sluice::admin
