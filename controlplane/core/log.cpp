#include "controlplane/core/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

namespace sluice::core {
namespace {

struct Loggers {
    std::mutex mutex;
    std::map<std::string, std::unique_ptr<spdlog::logger>, std::less<>> by_name;
    std::shared_ptr<spdlog::sinks::sink> sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    spdlog::level::level_enum level = spdlog::level::info;
};

// Leaked on purpose: destructors of other static objects may still log.
Loggers& loggers() {
    static auto* instance = new Loggers;
    return *instance;
}

std::unique_ptr<spdlog::logger> make(std::string_view component, const Loggers& all) {
    auto logger = std::make_unique<spdlog::logger>(std::string(component), all.sink);
    // systemd stamps the lines of a service by itself.
    const char* pattern = std::getenv("JOURNAL_STREAM") ? "%l [%n] %v" : "%Y-%m-%dT%H:%M:%S.%fZ %^%l%$ [%n] %v";
    logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger->set_level(all.level);
    logger->flush_on(spdlog::level::info);
    return logger;
}

}  // namespace

std::expected<void, std::string> set_log_level(std::string_view level) {
    const auto parsed = spdlog::level::from_str(std::string(level));
    if (parsed == spdlog::level::off && level != "off") {
        return std::unexpected("unknown log level \"" + std::string(level) +
                               "\": use trace, debug, info, warn, error, critical or off");
    }
    auto& all = loggers();
    const std::lock_guard lock(all.mutex);
    all.level = parsed;
    for (auto& [name, logger] : all.by_name) logger->set_level(parsed);
    return {};
}

spdlog::logger& log(std::string_view component) {
    auto& all = loggers();
    const std::lock_guard lock(all.mutex);
    auto found = all.by_name.find(component);
    if (found == all.by_name.end()) found = all.by_name.emplace(std::string(component), make(component, all)).first;
    return *found->second;
}

}  // namespace sluice::core
