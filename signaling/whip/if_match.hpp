// If-Match of a PATCH (RFC 9110 §13.1.1) as WHIP uses it: one entity tag, or "*".
#pragma once

#include "signaling/http/message.hpp"

#include <expected>
#include <optional>
#include <string>

namespace sluice::whip {

enum class IfMatchError : std::uint8_t { malformed };

/// Nothing when the field is absent; otherwise the tag without quotes, "*", or W/tag, which equals no strong tag.
std::expected<std::optional<std::string>, IfMatchError> parse_if_match(const http::Headers& headers);

}  // namespace sluice::whip
