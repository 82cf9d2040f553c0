// Where a WHIP or WHEP endpoint is: "http://HOST[:PORT][/PATH]" with an IP literal or "localhost". Names are not resolved,
// so that nothing asks a DNS server, and public addresses are refused: a load generator must not hit a stranger by a typo.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "dataplane/base/endpoint.hpp"

namespace sluice::loadgen {

struct Url {
    Endpoint server;
    std::string path;  // empty, or from the first slash on, with the query
};
// The error is for a person.
[[nodiscard]] std::expected<Url, std::string> parse_url(std::string_view text, std::uint16_t default_port);

// The path of a resource: what `location` says, relative to the path that was asked (RFC 3986 5.2 as far as WHIP servers
// use it). Its host, if it names one, is not looked at.
[[nodiscard]] std::string resolve_location(std::string_view location, std::string_view asked);

// Every byte that RFC 3986 does not leave alone as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace sluice::loadgen
