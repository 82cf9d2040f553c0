// ICE user fragment and password (RFC 8445 section 5.3), the short-term credential of connectivity checks.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace sluice::ice {

// Fills the span with unpredictable bytes.
using Random = std::function<void(std::span<std::uint8_t>)>;

struct Credentials {
    // Ours are always 8 characters, so that the data plane looks them up as one 64-bit key. 48 bits.
    std::string ufrag;
    std::string pwd;  // ours: 24 characters, 144 bits

    friend bool operator==(const Credentials&, const Credentials&) = default;
};

// Characters of ice-char: [A-Za-z0-9+/].
[[nodiscard]] Credentials generate(const Random& random);

// A peer's values: ufrag 4 to 256, pwd 22 to 256 ice-chars.
[[nodiscard]] bool is_valid(const Credentials& credentials) noexcept;

}  // namespace sluice::ice
