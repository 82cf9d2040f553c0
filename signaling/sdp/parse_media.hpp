// The attributes of one media section, as the parser meets them; internal to this folder. Each function
// appends to the section or says what is wrong with the value.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "signaling/sdp/description.hpp"

namespace sluice::sdp {

using AttributeResult = std::expected<void, std::string>;

[[nodiscard]] AttributeResult parse_media_line(MediaSection& m, std::string_view value);
// An a= line. Attributes that are not modelled are skipped.
[[nodiscard]] AttributeResult parse_media_attribute(MediaSection& m, std::string_view name, std::string_view value);

// Attributes that stand at both levels.
[[nodiscard]] std::expected<Fingerprint, std::string> parse_fingerprint(std::string_view value);
[[nodiscard]] std::optional<Setup> parse_setup(std::string_view value) noexcept;
[[nodiscard]] std::optional<Direction> parse_direction(std::string_view name) noexcept;
[[nodiscard]] AttributeResult check_ufrag(std::string_view value);
[[nodiscard]] AttributeResult check_pwd(std::string_view value);
[[nodiscard]] std::vector<std::string> parse_words(std::string_view value);

// Names the static payload types and ties each RTX payload type to the codec that it repairs.
void finish_codecs(std::vector<Codec>& codecs);

}  // namespace sluice::sdp
