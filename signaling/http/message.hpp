// HTTP request and response as plain values. Nothing here knows sockets, Asio or Beast, so that the
// resource layers (WHIP, API, metrics) and their tests include only this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::http {

/// Header fields in order of appearance; names compare without case (RFC 9110 §5.1).
class Headers {
public:
    using Field = std::pair<std::string, std::string>;

    /// The first value of `name`, or nothing.
    std::optional<std::string_view> get(std::string_view name) const;
    /// All values of `name`, in order.
    std::vector<std::string_view> get_all(std::string_view name) const;
    bool has(std::string_view name) const { return get(name).has_value(); }
    /// True when the comma-separated list in `name` holds `token` (without case).
    bool has_token(std::string_view name, std::string_view token) const;

    void set(std::string name, std::string value);
    void add(std::string name, std::string value);
    void erase(std::string_view name);

    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }
    std::size_t size() const { return fields_.size(); }

private:
    std::vector<Field> fields_;
};

struct Request {
    std::string method;
    std::string target;                         // as sent: path and query, still percent-encoded
    std::string path;                           // up to '?', still percent-encoded
    std::map<std::string, std::string> query;   // decoded; of a repeated key the first counts
    std::map<std::string, std::string> params;  // of the route pattern, decoded
    Headers headers;
    std::string body;
    std::string remote_address;  // textual, IPv4-mapped addresses as IPv4
    std::uint16_t remote_port = 0;
    bool tls = false;
    bool keep_alive = true;

    /// The token of `Authorization: Bearer <token>`.
    std::optional<std::string> bearer_token() const;
    /// Lower-case media type of Content-Type without parameters; empty when absent.
    std::string content_type() const;
    const std::string* param(const std::string& name) const;
};

struct Response {
    int status = 200;
    Headers headers;
    std::string body;

    static Response empty(int status);
    static Response text(std::string body, int status = 200);
    static Response html(std::string body, int status = 200);
    static Response json(std::string body, int status = 200);
    /// RFC 9457 application/problem+json; `title` names the kind of problem, `detail` this occurrence.
    static Response problem(int status, std::string_view title, std::string_view detail);
};

/// Calls back once, now or later, always on the io thread. Dropping it unanswered answers 500.
using Reply = std::function<void(Response)>;
using Handler = std::function<void(Request, Reply)>;

/// "Not Found" for 404; "Unknown" for a status without a registered phrase.
std::string_view reason_phrase(int status);

/// Length of the valid UTF-8 sequence at the start of non-empty `text`, 0 if there is none (RFC 3629 §4).
std::size_t utf8_sequence_length(std::string_view text);

/// The inside of a JSON string; bytes that are not UTF-8 become U+FFFD.
std::string json_escape(std::string_view text);

}  // namespace sluice::http
