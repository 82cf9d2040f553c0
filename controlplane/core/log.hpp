// Logging of the control plane: spdlog to stderr, one named logger per component, UTC with microseconds, no own
// timestamp under journald; or one JSON object a line (dataplane/base/log_line.hpp). Keys, passwords, tokens and blobs are
// never logged. Example: core::log("dpclient").info("connected, boot {}", boot);
#pragma once

#include <spdlog/logger.h>

#include <expected>
#include <string>
#include <string_view>

namespace sluice::core {

// Sets the level of all loggers, present and future: trace, debug, info, warn, error, critical, off. Without a call it is
// info.
std::expected<void, std::string> set_log_level(std::string_view level);

// JSON lines that name this machine, or text. All loggers, present and future.
void set_log_json(bool json, std::string node = {});

// The logger of a component; made at the first call and never destroyed. Any thread.
[[nodiscard]] spdlog::logger& log(std::string_view component);

}  // namespace sluice::core
