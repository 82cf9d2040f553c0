// Identifiers of the control plane: 64-bit object ids (never 0, RFC 4086 random) and the unguessable resource names
// that stand in WHIP and WHEP URLs. Randomness is the caller's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/ice/credentials.hpp"

namespace sluice::session {

using Random = ice::Random;

[[nodiscard]] std::uint64_t random_u64(const Random& random);                     // never 0
[[nodiscard]] std::uint32_t random_u32(const Random& random);                     // never 0
[[nodiscard]] std::string random_token(const Random& random, std::size_t bytes);  // base64url without padding

// 16 hexadecimal digits: how ids stand in JSON, since a JavaScript number holds only 53 bits.
[[nodiscard]] std::string hex_id(std::uint64_t id);
// 0 for anything that is no 1..16 hexadecimal digits.
[[nodiscard]] std::uint64_t parse_hex_id(std::string_view text) noexcept;

}  // namespace sluice::session
