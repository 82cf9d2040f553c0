#include "dataplane/app/log.hpp"

#include <rte_log.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "dataplane/base/log_line.hpp"

namespace sluice::app {
namespace {

using config::LogLevel;

LogSettings current;  // main only

constexpr std::string_view level_names[] = {"trace", "debug", "info", "warn", "error"};

std::int64_t unix_ns() {
    std::timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void write(const std::string& text) {
    if (!text.empty()) (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

// DPDK writes into a stream; it says what is wrong, and little else at the levels that the EAL is started with.
ssize_t write_dpdk(void*, const char* text, std::size_t size) {
    std::string_view rest(text, size);
    while (!rest.empty()) {
        const auto end = rest.find('\n');
        if (const auto line = rest.substr(0, end); !line.empty()) log(LogLevel::warn, line, "dpdk");
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return static_cast<ssize_t>(size);
}

}  // namespace

LogSettings log_settings(const config::Config& config) {
    LogSettings settings{
        .level = config.log.level, .json = config.log.format == config::LogFormat::json, .node = config.node.id};
    char name[256] = {};
    if (settings.node.empty() && ::gethostname(name, sizeof name - 1) == 0) settings.node = name;
    return settings;
}

void set_log(LogSettings settings) {
    current = std::move(settings);
    if (!current.json) return;
    cookie_io_functions_t functions{};
    functions.write = write_dpdk;
    // Kept open: DPDK logs until the very end of the process.
    if (FILE* stream = ::fopencookie(nullptr, "w", functions); stream != nullptr) {
        std::setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
        (void)rte_openlog_stream(stream);
    }
}

std::string log_text(const LogSettings& settings, LogLevel level, std::string_view message, std::string_view component,
                     std::int64_t now) {
    if (level < settings.level) return {};
    const std::string_view name = level_names[static_cast<std::size_t>(level)];
    if (settings.json) return json_line({now, name, settings.node, "dataplane", component, message});
    std::string text(name);
    text += " [";
    text += component;
    text += "] ";
    text += message;
    text += '\n';
    // systemd stamps the lines of a service by itself.
    return ::getenv("JOURNAL_STREAM") != nullptr ? text : utc_microseconds(now) + ' ' + text;
}

void log(LogLevel level, std::string_view message, std::string_view component) {
    write(log_text(current, level, message, component, unix_ns()));
}

void audit(std::string_view message) {
    LogSettings every_level = current;
    every_level.level = LogLevel::trace;
    write(log_text(every_level, LogLevel::warn, message, "control", unix_ns()));
}

}  // namespace sluice::app
