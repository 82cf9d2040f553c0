// Percent-encoding and the split of a request target (RFC 3986 §2.1, §3.4).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

/// Nothing when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);
/// Encodes all but the unreserved characters, so the result is one path segment.
std::string percent_encode(std::string_view text);

/// "a=1&b=x%20y"; '+' is a space, undecodable pairs are left out.
std::map<std::string, std::string> parse_query(std::string_view query);

/// "/a/b%2Fc" -> {"a", "b%2Fc"}; a trailing slash gives a last empty segment.
std::vector<std::string_view> split_path(std::string_view path);

}  // namespace sluice::http
