// The bytes of a response (RFC 9112 §4). Content-Length always frames the body, so connections can be kept.
#pragma once

#include "signaling/http/message.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace sluice::http {

struct ResponseFraming {
    bool head = false;  // answer to HEAD: Content-Length without the body
    bool keep_alive = true;
    std::string_view server_name;
    std::chrono::system_clock::time_point now;  // of the Date field
};

/// Fields with CR, LF or NUL are left out, so that no value can end the header early.
std::string serialize(const Response& response, const ResponseFraming& framing);

/// IMF-fixdate (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::chrono::system_clock::time_point when);

}  // namespace sluice::http
