// Numbers in the words of an operator. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::ctl {

[[nodiscard]] std::string grouped(std::uint64_t value);    // "1,234,567"
[[nodiscard]] std::string si(double value);                // "950", "1.25k", "3.10M": three digits that matter
[[nodiscard]] std::string bits_per_second(double value);   // "3.10 Mbit/s"
[[nodiscard]] std::string bytes(std::uint64_t value);      // "64.0 MiB"
[[nodiscard]] std::string percent(double ratio);           // 0.123 -> "12.3 %"
[[nodiscard]] std::string duration(std::chrono::seconds);  // "3d 04:05:06", "04:05:06"
[[nodiscard]] std::string microseconds(double us);         // "850 us", "1.25 ms"
[[nodiscard]] std::string utc_time(std::int64_t unix_ms);  // "2026-01-02 03:04:05.678Z"
[[nodiscard]] std::string hex_id(std::uint64_t id);        // 16 digits, as the control plane writes ids
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);
[[nodiscard]] std::string mac(std::span<const std::uint8_t, 6> bytes);

// 1 to 16 hexadecimal digits, with or without 0x; 0 is no id.
[[nodiscard]] std::optional<std::uint64_t> parse_id(std::string_view text) noexcept;
// "90", "90s", "15m", "6h", "30d": at least a second, at most ten years.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text) noexcept;

}  // namespace sluice::ctl
