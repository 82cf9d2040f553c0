#include "signaling/http/response_writer.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace sluice::http {
namespace {

bool unsafe(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    if (name.empty() || unsafe(name) || unsafe(value)) return;
    out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string http_date(std::chrono::system_clock::time_point when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    // strftime would follow the locale.
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::array<char, 64> text{};
    const int length = std::snprintf(
        text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[static_cast<std::size_t>(utc.tm_wday)],
        utc.tm_mday, months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    return {text.data(), static_cast<std::size_t>(length)};
}

std::string serialize(const Response& response, const ResponseFraming& framing) {
    const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
    std::string out =
        "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason_phrase(response.status)) + "\r\n";
    append_field(out, "Date", http_date(framing.now));
    append_field(out, "Server", framing.server_name);
    for (const auto& [name, value] : response.headers) append_field(out, name, value);
    if (!bodiless) append_field(out, "Content-Length", std::to_string(response.body.size()));
    if (!response.headers.has("Connection")) append_field(out, "Connection", framing.keep_alive ? "keep-alive" : "close");
    out += "\r\n";
    if (!bodiless && !framing.head) out += response.body;
    return out;
}

}  // namespace sluice::http
