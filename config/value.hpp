// One configuration value of any type, and its spelling in the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace sluice::config {

using StringList = std::vector<std::string>;
using KeyList = std::vector<ApiKey>;
using Value = std::variant<std::int64_t, std::string, StringList, KeyList>;

// A string with quotes and escapes as libconfig reads them.
[[nodiscard]] std::string in_quotes(std::string_view text);

// The smallest number of insertions, deletions, replacements and swaps of neighbours that makes a into b.
[[nodiscard]] unsigned edit_distance(std::string_view a, std::string_view b);

// Candidates are compared with `word`; the closest one if it is close enough to be meant, else "".
[[nodiscard]] std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace sluice::config
