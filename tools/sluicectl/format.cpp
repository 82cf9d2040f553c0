#include "tools/sluicectl/format.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace sluice::ctl {
namespace {

// Three digits that matter, scaled by `base` as often as it takes.
std::string scaled(double value, double base, std::span<const std::string_view> units) {
    std::size_t at = 0;
    while (value >= base * (base == 1000 ? 0.9995 : 1) && at + 1 < units.size()) {
        value /= base;
        ++at;
    }
    if (at == 0 && value == std::floor(value)) return fmt::format("{:.0f}{}", value, units[0]);
    return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, units[at]);
}

}  // namespace

std::string grouped(std::uint64_t value) {
    std::string digits = std::to_string(value);
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
    return digits;
}

std::string si(double value) {
    static constexpr std::string_view units[] = {"", "k", "M", "G", "T", "P"};
    return scaled(value, 1000, units);
}

std::string bits_per_second(double value) {
    static constexpr std::string_view units[] = {" bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s"};
    return scaled(value, 1000, units);
}

std::string bytes(std::uint64_t value) {
    static constexpr std::string_view units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    return scaled(static_cast<double>(value), 1024, units);
}

std::string percent(double ratio) {
    return fmt::format("{:.1f} %", ratio * 100);
}

std::string duration(std::chrono::seconds all) {
    const auto s = all.count();
    const std::string clock = fmt::format("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60);
    return s >= 86'400 ? fmt::format("{}d {}", s / 86'400, clock) : clock;
}

std::string microseconds(double us) {
    static constexpr std::string_view units[] = {" us", " ms", " s"};
    return scaled(us, 1000, units);
}

std::string utc_time(std::int64_t unix_ms) {
    const std::int64_t seconds = unix_ms >= 0 ? unix_ms / 1000 : -1;
    if (seconds < 0 || seconds > 253'402'300'799) return std::to_string(unix_ms);  // after the year 9999
    return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(seconds)), unix_ms % 1000);
}

std::string hex_id(std::uint64_t id) {
    return fmt::format("{:016x}", id);
}

std::string hex(std::span<const std::uint8_t> bytes) {
    std::string out;
    for (const std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
    return out;
}

std::string mac(std::span<const std::uint8_t, 6> b) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2], b[3], b[4], b[5]);
}

std::optional<std::uint64_t> parse_id(std::string_view text) noexcept {
    if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
    std::uint64_t id = 0;
    if (text.empty() || text.size() > 16) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
    if (error != std::errc{} || end != text.data() + text.size() || id == 0) return std::nullopt;
    return id;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) noexcept {
    constexpr std::int64_t longest = 3650LL * 86'400;
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    const std::int64_t factor = unit.empty() || unit == "s" ? 1
                                : unit == "m"               ? 60
                                : unit == "h"               ? 3600
                                : unit == "d"               ? 86'400
                                                            : 0;
    if (error != std::errc{} || factor == 0 || count < 1 || count > longest / factor) return std::nullopt;
    return std::chrono::seconds(count * factor);
}

}  // namespace sluice::ctl
