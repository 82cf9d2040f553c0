// Small pieces of text handling shared by the SDP parsers; internal to this folder.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::sdp::text {

[[nodiscard]] constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

[[nodiscard]] inline std::string to_lower(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = lower(c);
    return out;
}

[[nodiscard]] inline bool iequals(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

[[nodiscard]] inline std::string_view trim(std::string_view s) noexcept {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
    return s;
}

// Takes the text before the next separator off `rest`.
[[nodiscard]] inline std::string_view take(std::string_view& rest, char separator) noexcept {
    const auto at = rest.find(separator);
    const auto head = rest.substr(0, at);
    rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
    return head;
}

// The next word; empty at the end.
[[nodiscard]] inline std::string_view take_word(std::string_view& rest) noexcept {
    rest = trim(rest);
    const auto at = rest.find_first_of(" \t");
    const auto head = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : trim(rest.substr(at));
    return head;
}

template <std::unsigned_integral T>
[[nodiscard]] std::optional<T> number(std::string_view s, int base = 10) noexcept {
    T value{};
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value, base);
    if (error != std::errc{} || end != s.data() + s.size()) return std::nullopt;
    return value;
}

// Takes one line without its CRLF or LF off `rest`.
[[nodiscard]] inline std::string_view take_line(std::string_view& rest) noexcept {
    auto line = take(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

[[nodiscard]] inline bool has_control_characters(std::string_view s) noexcept {
    for (const char c : s)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return true;
    return false;
}

// What a person may see of hostile text.
[[nodiscard]] inline std::string quoted(std::string_view s) {
    return "\"" + std::string(s.substr(0, 40)) + (s.size() > 40 ? "...\"" : "\"");
}

}  // namespace sluice::sdp::text
