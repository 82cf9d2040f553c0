// A blocking HTTP/1.1 client, one connection per request: all that WHIP and WHEP need of one.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>

#include "dataplane/base/endpoint.hpp"

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

// The error says what failed: connecting, sending, reading, the timeout, or an answer that is no HTTP. What the machine
// stood still does not count against the timeout.
[[nodiscard]] std::expected<HttpAnswer, std::string> http_exchange(const Endpoint& server, const HttpRequest& request,
                                                                   std::chrono::milliseconds timeout);

}  // namespace sluice::loadgen
