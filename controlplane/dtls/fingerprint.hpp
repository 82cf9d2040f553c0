// Certificate fingerprints of `a=fingerprint` (RFC 8122): the values that bind a DTLS peer to its SDP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/bytes.hpp"

struct x509_st;

namespace sluice::dtls {

struct Fingerprint {
    std::string hash;  // "sha-256", "sha-384", "sha-512" or "sha-1", lower case
    std::vector<std::uint8_t> bytes;

    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};
using Fingerprints = std::vector<Fingerprint>;

// "sha-256 AB:CD:..." (the value of the SDP attribute, either case). Nothing for an unknown hash or a
// digest whose length is not the hash's.
[[nodiscard]] std::optional<Fingerprint> parse_fingerprint(std::string_view value);

// "AB:CD:..."
[[nodiscard]] std::string hex_colons(ByteView bytes);

enum class FingerprintCheck { match, mismatch, no_known_hash };

// RFC 8122 section 5: only the strongest hash offered counts, and one match among its values is enough.
[[nodiscard]] FingerprintCheck check_fingerprint(x509_st* certificate, const Fingerprints& expected);

}  // namespace sluice::dtls
