#include "controlplane/core/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "dataplane/base/log_line.hpp"

namespace sluice::core {
namespace {

class JsonFormatter final : public spdlog::formatter {
public:
    explicit JsonFormatter(std::string node) : node_(std::move(node)) {}
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const auto level = spdlog::level::to_string_view(message.level);
        const std::string line = json_line(
            {std::chrono::duration_cast<std::chrono::nanoseconds>(message.time.time_since_epoch()).count(),
             message.level == spdlog::level::warn ? std::string_view{"warn"} : std::string_view{level.data(), level.size()},
             node_,
             "controlplane",
             {message.logger_name.data(), message.logger_name.size()},
             {message.payload.data(), message.payload.size()}});
        out.append(line.data(), line.data() + line.size());
    }
    [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<JsonFormatter>(node_);
    }

private:
    std::string node_;
};

std::unique_ptr<spdlog::formatter> text_formatter() {
    // systemd stamps the lines of a service by itself.
    const char* pattern = std::getenv("JOURNAL_STREAM") ? "%l [%n] %v" : "%Y-%m-%dT%H:%M:%S.%fZ %^%l%$ [%n] %v";
    return std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc);
}

// The loggers share one sink, whose formatter is theirs.
struct Loggers {
    Loggers() { sink->set_formatter(text_formatter()); }

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

void set_log_json(bool json, std::string node) {
    auto& all = loggers();
    const std::lock_guard lock(all.mutex);
    all.sink->set_formatter(json ? std::make_unique<JsonFormatter>(std::move(node)) : text_formatter());
}

spdlog::logger& log(std::string_view component) {
    auto& all = loggers();
    const std::lock_guard lock(all.mutex);
    auto found = all.by_name.find(component);
    if (found == all.by_name.end()) found = all.by_name.emplace(std::string(component), make(component, all)).first;
    return *found->second;
}

}  // namespace sluice::core
