// The log of the data plane's main thread: lines on standard error, as text or as JSON (dataplane/base/log_line.hpp).
// Workers log nothing.
#pragma once

#include <string>
#include <string_view>

#include "config/config.hpp"

namespace sluice::app {

struct LogSettings {
    config::LogLevel level = config::LogLevel::info;
    bool json = false;
    std::string node;
};
[[nodiscard]] LogSettings log_settings(const config::Config& config);

// At the start, before any line. With JSON what DPDK logs becomes lines too, of component "dpdk".
void set_log(LogSettings settings);

// A message of one or several lines, without the last line feed.
void log(config::LogLevel level, std::string_view message, std::string_view component = "app");

// The same of component "control", whatever the level: who looked into media has to be found afterwards.
void audit(std::string_view message);

// What log() writes, for tests: empty below the level.
[[nodiscard]] std::string log_text(const LogSettings& settings, config::LogLevel level, std::string_view message,
                                   std::string_view component, std::int64_t unix_ns);

}  // namespace sluice::app
