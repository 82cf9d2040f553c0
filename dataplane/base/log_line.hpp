// One line of a log for machines, the same from both planes: a JSON object with time, level, node, process, component,
// message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

struct LogLine {
    std::int64_t unix_ns = 0;
    std::string_view level;      // "info"
    std::string_view node;       // of this machine; left out when empty
    std::string_view process;    // "dataplane"
    std::string_view component;  // "engine"
    std::string_view message;
};

// With its line feed. What is no UTF-8 becomes U+FFFD, so that the line always parses.
[[nodiscard]] std::string json_line(const LogLine& line);

// "2026-01-31T12:00:00.000000Z"
[[nodiscard]] std::string utc_microseconds(std::int64_t unix_ns);

}  // namespace sluice
