#include "signaling/jwt/access_token.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <jwt.h>

#include "signaling/jwt/claims_json.hpp"

namespace sluice::jwt {

namespace {

struct JwtFree {
    void operator()(jwt_t* token) const noexcept { jwt_free(token); }
};
struct Free {
    void operator()(char* text) const noexcept { std::free(text); }
};
using JwtPtr = std::unique_ptr<jwt_t, JwtFree>;

std::unexpected<JwtError> refuse(JwtErrc code, std::string message) {
    return std::unexpected(JwtError{code, std::move(message)});
}

int base64url_value(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

// RFC 7515: no padding, no other characters, no stray bits.
std::optional<std::string> decode_base64url(std::string_view text) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = base64url_value(c);
        if (value < 0) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>((bits >> count) & 0xff);
    }
    if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
    return out;
}

struct Parts {
    std::string header, payload;  // JSON text
};

std::optional<Parts> split(std::string_view token) {
    const auto first = token.find('.');
    const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
    auto header = decode_base64url(token.substr(0, first));
    auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
    if (!header || !payload || !decode_base64url(token.substr(second + 1))) return std::nullopt;
    return Parts{std::move(*header), std::move(*payload)};
}

std::expected<void, JwtError> check_times(const Claims& claims, std::optional<Time> issued, Time now) {
    if (now >= claims.expires) return refuse(JwtErrc::expired, "the token has expired");
    if (claims.not_before && *claims.not_before > now + clock_leeway)
        return refuse(JwtErrc::not_yet_valid, "the token is not valid yet (nbf); check the clocks");
    if (issued && *issued > now + clock_leeway)
        return refuse(JwtErrc::not_yet_valid, "the token was issued in the future (iat); check the clocks");
    return {};
}

}  // namespace

std::string_view to_string(JwtErrc code) noexcept {
    switch (code) {
        case JwtErrc::too_large: return "too_large";
        case JwtErrc::malformed: return "malformed";
        case JwtErrc::unsupported_algorithm: return "unsupported_algorithm";
        case JwtErrc::unknown_key: return "unknown_key";
        case JwtErrc::bad_signature: return "bad_signature";
        case JwtErrc::missing_expiry: return "missing_expiry";
        case JwtErrc::expired: return "expired";
        case JwtErrc::not_yet_valid: return "not_yet_valid";
        case JwtErrc::bad_claim: return "bad_claim";
    }
    return "unknown";
}

bool VideoGrant::can_join(std::string_view room_name) const noexcept {
    return room_join && !room_name.empty() && room == room_name;
}

bool VideoGrant::can_publish_source(std::string_view source) const noexcept {
    if (!can_publish()) return false;
    return publish_sources.empty() ||
           std::find(publish_sources.begin(), publish_sources.end(), source) != publish_sources.end();
}

std::expected<Claims, JwtError> verify(std::string_view token, const Keys& keys, Time now) {
    if (token.size() > max_token_bytes) return refuse(JwtErrc::too_large, "the token is over 16 KB");
    const auto parts = split(token);
    if (!parts) return refuse(JwtErrc::malformed, "the token is not header.payload.signature in base64url");

    // Before the signature is known to be good, only the algorithm and the issuer are read.
    const auto algorithm = read_algorithm(parts->header);
    if (!algorithm) return refuse(JwtErrc::malformed, "the token's header is not a JSON object with \"alg\"");
    if (*algorithm != "HS256") return refuse(JwtErrc::unsupported_algorithm, "only tokens signed with HS256 are accepted");
    const auto issuer = read_issuer(parts->payload);
    if (!issuer) return refuse(JwtErrc::malformed, "the token's payload is not a JSON object with \"iss\", the API key");
    const auto key = keys.find(*issuer);
    if (key == keys.end() || key->second.empty())
        return refuse(JwtErrc::unknown_key, "the token's API key (iss) is not known here");

    const std::string text(token);
    jwt_t* raw = nullptr;
    const int failed = jwt_decode(&raw, text.c_str(), reinterpret_cast<const unsigned char*>(key->second.data()),
                                  static_cast<int>(key->second.size()));
    const JwtPtr decoded(raw);
    if (failed != 0 || decoded == nullptr || jwt_get_alg(decoded.get()) != JWT_ALG_HS256)
        return refuse(JwtErrc::bad_signature, "the token's signature does not fit its API key's secret");

    auto read = read_claims(parts->payload);
    if (!read) return std::unexpected(read.error());
    if (auto ok = check_times(read->claims, read->issued, now); !ok) return std::unexpected(ok.error());
    return std::move(read->claims);
}

std::string create(std::string_view api_key, std::string_view secret, const Claims& claims, std::chrono::seconds ttl,
                   Time now) {
    if (api_key.empty() || secret.empty()) return {};
    Claims full = claims;
    full.api_key = api_key;
    full.expires = now + ttl;
    if (!full.not_before) full.not_before = now;

    jwt_t* raw = nullptr;
    if (jwt_new(&raw) != 0) return {};
    const JwtPtr token(raw);
    if (jwt_add_grants_json(raw, write_claims(full).c_str()) != 0) return {};
    if (jwt_set_alg(raw, JWT_ALG_HS256, reinterpret_cast<const unsigned char*>(secret.data()),
                    static_cast<int>(secret.size())) != 0)
        return {};
    const std::unique_ptr<char, Free> text(jwt_encode_str(raw));
    return text == nullptr ? std::string{} : std::string(text.get());
}

}  // namespace sluice::jwt
