#include "signaling/http/message.hpp"

#include <algorithm>
#include <array>

namespace sluice::http {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
    return s;
}

Response with_body(int status, std::string_view type, std::string body) {
    Response response;
    response.status = status;
    response.headers.set("Content-Type", std::string(type));
    response.body = std::move(body);
    return response;
}

}  // namespace

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const auto& [key, value] : fields_)
        if (equals_ignoring_case(key, name)) return value;
    return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& [key, value] : fields_)
        if (equals_ignoring_case(key, name)) values.push_back(value);
    return values;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
    for (std::string_view list : get_all(name)) {
        while (!list.empty()) {
            const auto comma = list.find(',');
            if (equals_ignoring_case(trim(list.substr(0, comma)), token)) return true;
            list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        }
    }
    return false;
}

void Headers::set(std::string name, std::string value) {
    erase(name);
    add(std::move(name), std::move(value));
}

void Headers::add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::erase(std::string_view name) {
    std::erase_if(fields_, [&](const Field& field) { return equals_ignoring_case(field.first, name); });
}

std::optional<std::string> Request::bearer_token() const {
    const auto value = headers.get("Authorization");
    if (!value) return std::nullopt;
    constexpr std::string_view scheme = "bearer ";
    if (value->size() <= scheme.size() || !equals_ignoring_case(value->substr(0, scheme.size()), scheme))
        return std::nullopt;
    const auto token = trim(value->substr(scheme.size()));
    return token.empty() ? std::nullopt : std::optional<std::string>(token);
}

std::string Request::content_type() const {
    std::string_view value = headers.get("Content-Type").value_or("");
    std::string type(trim(value.substr(0, value.find(';'))));
    std::transform(type.begin(), type.end(), type.begin(), lower);
    return type;
}

const std::string* Request::param(const std::string& name) const {
    const auto found = params.find(name);
    return found == params.end() ? nullptr : &found->second;
}

Response Response::empty(int status) {
    Response response;
    response.status = status;
    return response;
}

Response Response::text(std::string body, int status) {
    return with_body(status, "text/plain; charset=utf-8", std::move(body));
}
Response Response::html(std::string body, int status) {
    return with_body(status, "text/html; charset=utf-8", std::move(body));
}
Response Response::json(std::string body, int status) {
    return with_body(status, "application/json", std::move(body));
}

Response Response::problem(int status, std::string_view title, std::string_view detail) {
    std::string body = "{\"title\":\"" + json_escape(title) + "\",\"status\":" + std::to_string(status);
    if (!detail.empty()) body += ",\"detail\":\"" + json_escape(detail) + "\"";
    return with_body(status, "application/problem+json", body + "}");
}

std::size_t utf8_sequence_length(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = at(0);
    std::size_t length = 0;
    if (lead < 0x80)
        length = 1;
    else if (lead >= 0xc2 && lead < 0xe0)
        length = 2;
    else if ((lead & 0xf0) == 0xe0)
        length = 3;
    else if (lead >= 0xf0 && lead < 0xf5)
        length = 4;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((at(i) & 0xc0) != 0x80) return 0;
    const bool overlong = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
    const bool surrogate = lead == 0xed && at(1) > 0x9f;
    const bool beyond_unicode = lead == 0xf4 && at(1) > 0x8f;
    return overlong || surrogate || beyond_unicode ? 0 : length;
}

std::string json_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 8);
    while (!text.empty()) {
        const auto c = static_cast<unsigned char>(text.front());
        std::size_t used = 1;
        if (c == '"' || c == '\\') {
            out += {'\\', static_cast<char>(c)};
        } else if (c == '\n') {
            out += "\\n";
        } else if (c < 0x20 || c == 0x7f) {
            constexpr std::string_view hex = "0123456789abcdef";
            out += "\\u00";
            out += {hex[c >> 4], hex[c & 15]};
        } else if ((used = utf8_sequence_length(text)) != 0) {
            out += text.substr(0, used);
        } else {
            used = 1;
            out += "\xef\xbf\xbd";
        }
        text.remove_prefix(used);
    }
    return out;
}

std::string_view reason_phrase(int status) {
    static constexpr std::array<std::pair<int, std::string_view>, 33> phrases{{{100, "Continue"},
                                                                               {101, "Switching Protocols"},
                                                                               {200, "OK"},
                                                                               {201, "Created"},
                                                                               {202, "Accepted"},
                                                                               {204, "No Content"},
                                                                               {301, "Moved Permanently"},
                                                                               {302, "Found"},
                                                                               {304, "Not Modified"},
                                                                               {307, "Temporary Redirect"},
                                                                               {308, "Permanent Redirect"},
                                                                               {400, "Bad Request"},
                                                                               {401, "Unauthorized"},
                                                                               {403, "Forbidden"},
                                                                               {404, "Not Found"},
                                                                               {405, "Method Not Allowed"},
                                                                               {406, "Not Acceptable"},
                                                                               {408, "Request Timeout"},
                                                                               {409, "Conflict"},
                                                                               {410, "Gone"},
                                                                               {412, "Precondition Failed"},
                                                                               {413, "Content Too Large"},
                                                                               {415, "Unsupported Media Type"},
                                                                               {422, "Unprocessable Content"},
                                                                               {426, "Upgrade Required"},
                                                                               {428, "Precondition Required"},
                                                                               {429, "Too Many Requests"},
                                                                               {431, "Request Header Fields Too Large"},
                                                                               {500, "Internal Server Error"},
                                                                               {501, "Not Implemented"},
                                                                               {503, "Service Unavailable"},
                                                                               {504, "Gateway Timeout"},
                                                                               {505, "HTTP Version Not Supported"}}};
    for (const auto& [code, phrase] : phrases)
        if (code == status) return phrase;
    return "Unknown";
}

}  // namespace sluice::http
