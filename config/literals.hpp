// libconfig 1.5 wraps an integer without the suffix L to 32 bits and says nothing: 4294975176 would become 7880. This
// finds such literals in the text itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

struct OversizedLiteral {
    unsigned line;
    std::string text;
};

// Integers beyond 32 bits, or beyond 64 with the suffix L, outside strings and comments.
[[nodiscard]] std::vector<OversizedLiteral> find_oversized_literals(std::string_view text);

}  // namespace sluice::config
