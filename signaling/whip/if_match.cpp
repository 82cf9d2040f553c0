#include "signaling/whip/if_match.hpp"

namespace sluice::whip {

std::expected<std::optional<std::string>, IfMatchError> parse_if_match(const http::Headers& headers) {
    const auto values = headers.get_all("If-Match");
    if (values.empty()) return std::nullopt;
    if (values.size() > 1) return std::unexpected(IfMatchError::malformed);
    std::string_view value = values.front();
    if (value == "*") return std::string("*");
    const bool weak = value.starts_with("W/");
    if (weak) value.remove_prefix(2);
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::unexpected(IfMatchError::malformed);
    value = value.substr(1, value.size() - 2);
    // etagc excludes the quote and controls; a quote here means a list of tags.
    for (const char c : value)
        if (c == '"' || static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return std::unexpected(IfMatchError::malformed);
    // A tag that is spelled "*" is not the wildcard.
    if (value == "*") return std::unexpected(IfMatchError::malformed);
    return (weak ? "W/" : "") + std::string(value);
}

}  // namespace sluice::whip
