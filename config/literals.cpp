#include "config/literals.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace sluice::config {
namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool is_name(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '*';
}

// `text` is a whole number token without its sign.
bool oversized(std::string_view text, bool negative) noexcept {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    if (hex)
        text.remove_prefix(2);
    else if (text.find_first_of(".eE") != std::string_view::npos)
        return false;
    bool wide = false;
    while (!text.empty() && text.back() == 'L') {
        wide = true;
        text.remove_suffix(1);
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (error == std::errc::result_out_of_range) return true;
    const std::uint64_t limit = (wide ? std::uint64_t{INT64_MAX} : std::uint64_t{INT32_MAX}) + (negative ? 1 : 0);
    return value > limit;
}

}  // namespace

std::vector<OversizedLiteral> find_oversized_literals(std::string_view text) {
    std::vector<OversizedLiteral> found;
    unsigned line = 1;
    std::size_t at = 0;
    const auto skip_until = [&](std::string_view end) {
        while (at < text.size() && !text.substr(at).starts_with(end)) line += text[at++] == '\n';
    };
    while (at < text.size()) {
        const char c = text[at];
        const auto rest = text.substr(at);
        if (c == '"') {
            for (++at; at < text.size() && text[at] != '"'; ++at) {
                if (text[at] == '\\' && at + 1 < text.size()) ++at;
                line += text[at] == '\n';
            }
            ++at;
        } else if (c == '#' || rest.starts_with("//")) {
            skip_until("\n");
        } else if (rest.starts_with("/*")) {
            at += 2;
            skip_until("*/");
            at += 2;
        } else if (is_digit(c) || ((c == '-' || c == '+') && rest.size() > 1 && is_digit(rest[1]))) {
            const std::size_t begin = at;
            const bool sign = !is_digit(c);
            at += sign ? 1 : 0;
            const std::size_t digits = at;
            while (at < text.size() && (is_name(text[at]) || text[at] == '.') && text[at] != '-') ++at;
            if (oversized(text.substr(digits, at - digits), c == '-')) {
                found.push_back({line, std::string(text.substr(begin, std::min<std::size_t>(at - begin, 64)))});
            }
        } else if (is_name(c)) {
            while (at < text.size() && is_name(text[at])) ++at;
        } else {
            line += c == '\n';
            ++at;
        }
    }
    return found;
}

}  // namespace sluice::config
