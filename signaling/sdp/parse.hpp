// Text to model and back. The parser is strict about bounds and about the syntax of what it models,
// and tolerant of attributes that it does not know; CRLF and bare LF both end a line.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "signaling/sdp/description.hpp"

namespace sluice::sdp {

inline constexpr std::size_t max_description_bytes = 256 * 1024;
inline constexpr std::size_t max_media_sections = 256;

struct ParseError {
    std::size_t line = 0;  // from 1; 0: the text as a whole
    std::string message;
    friend bool operator==(const ParseError&, const ParseError&) = default;
};

[[nodiscard]] std::expected<SessionDescription, ParseError> parse(std::string_view text);

// Lines end with CRLF and stand in a fixed order: parse(write(d)) == d for each d that parse made.
[[nodiscard]] std::string write(const SessionDescription& description);

}  // namespace sluice::sdp
