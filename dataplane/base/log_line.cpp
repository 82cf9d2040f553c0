#include "dataplane/base/log_line.hpp"

#include <cstdio>
#include <ctime>

namespace sluice {
namespace {

// Length of the well-formed UTF-8 sequence (RFC 3629) at the front, 0 if there is none.
std::size_t sequence_length(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto tail = [&](std::size_t i) { return (at(i) & 0xc0) == 0x80; };
    const unsigned lead = at(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        const bool overlong = lead == 0xe0 && at(1) < 0xa0;
        const bool surrogate = lead == 0xed && at(1) > 0x9f;
        return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        const bool out_of_range = (lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f);
        return tail(1) && tail(2) && tail(3) && !out_of_range ? 4 : 0;
    }
    return 0;
}

void append_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const char c = text.front();
        const std::size_t length = sequence_length(text);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
            out += escaped;
        } else if (length == 0) {
            out += "\xef\xbf\xbd";
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    out += '"';
}

}  // namespace

std::string utc_microseconds(std::int64_t unix_ns) {
    const std::time_t seconds = unix_ns / 1'000'000'000;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[40];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text + length, sizeof text - length, ".%06dZ", static_cast<int>(unix_ns % 1'000'000'000 / 1000));
    return text;
}

std::string json_line(const LogLine& line) {
    std::string out = "{\"time\":\"" + utc_microseconds(line.unix_ns) + '"';
    const auto field = [&out](std::string_view name, std::string_view value) {
        out += ",\"";
        out += name;
        out += "\":";
        append_string(out, value);
    };
    field("level", line.level);
    if (!line.node.empty()) field("node", line.node);
    field("process", line.process);
    field("component", line.component);
    field("message", line.message);
    return out + "}\n";
}

}  // namespace sluice
