// A blocking HTTP/1.1 client on one connection: all that WHIP and WHEP need of one.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>

#include "dataplane/base/endpoint.hpp"
#include "dataplane/base/unique_fd.hpp"

namespace sluice::loadgen {

struct HttpRequest {
    std::string method;
    std::string path;          // with query
    std::string content_type;  // empty: none
    std::string token;         // bearer; empty: none
    std::string body;
};

struct HttpAnswer {
    int status = 0;
    std::string location;  // as sent
    std::string body;
    double retry_after_s = 0;
};

// One connection, made when it is needed and kept while the server keeps it. Owning thread only.
class HttpClient {
public:
    explicit HttpClient(const Endpoint& server) : server_(server) {}

    // The error says what failed: connecting, sending, reading, the timeout, or an answer that is no HTTP. What the machine
    // stood still does not count against the timeout. A kept connection that the server has closed meanwhile is replaced.
    [[nodiscard]] std::expected<HttpAnswer, std::string> exchange(const HttpRequest& request,
                                                                  std::chrono::milliseconds timeout);

private:
    class Patience;
    [[nodiscard]] std::expected<void, std::string> connect(Patience& patience);
    // An empty error: the connection was closed before a byte of an answer came.
    [[nodiscard]] std::expected<HttpAnswer, std::string> once(const std::string& text, Patience& patience);

    Endpoint server_;
    UniqueFd fd_;
};

}  // namespace sluice::loadgen
