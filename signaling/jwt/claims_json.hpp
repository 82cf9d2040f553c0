// The JSON of a token's header and payload; internal to this folder.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/jwt/access_token.hpp"

namespace sluice::jwt {

struct ReadClaims {
    Claims claims;
    std::optional<Time> issued;  // iat
};

[[nodiscard]] std::optional<std::string> read_algorithm(std::string_view header);
[[nodiscard]] std::optional<std::string> read_issuer(std::string_view payload);
// Claims of a wrong type are errors, unknown ones are skipped.
[[nodiscard]] std::expected<ReadClaims, JwtError> read_claims(std::string_view payload);
[[nodiscard]] std::string write_claims(const Claims& claims);

}  // namespace sluice::jwt
