#include "controlplane/dtls/fingerprint.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

namespace sluice::dtls {
namespace {

struct Hash {
    std::string_view name;
    std::size_t length;
    const EVP_MD* (*digest)();
};

// Strongest first.
constexpr std::array<Hash, 4> hashes{{
    {"sha-512", 64, EVP_sha512},
    {"sha-384", 48, EVP_sha384},
    {"sha-256", 32, EVP_sha256},
    {"sha-1", 20, EVP_sha1},
}};

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<Fingerprint> parse_fingerprint(std::string_view value) {
    std::size_t const space = value.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    Fingerprint out;
    for (char c : value.substr(0, space)) out.hash += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto* hash = std::ranges::find(hashes, out.hash, &Hash::name);
    std::string_view const text = value.substr(space + 1);
    if (hash == hashes.end() || text.size() != hash->length * 3 - 1) return std::nullopt;
    out.bytes.reserve(hash->length);
    for (std::size_t at = 0; at < text.size(); at += 3) {
        int const high = hex_digit(text[at]);
        int const low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0 || (at + 2 < text.size() && text[at + 2] != ':')) return std::nullopt;
        out.bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return out;
}

std::string hex_colons(ByteView bytes) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    out.reserve(bytes.size() * 3);
    for (std::uint8_t byte : bytes) {
        if (!out.empty()) out += ':';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

FingerprintCheck check_fingerprint(x509_st* certificate, const Fingerprints& expected) {
    for (const Hash& hash : hashes) {
        auto is_this = [&](const Fingerprint& f) { return f.hash == hash.name; };
        if (std::ranges::none_of(expected, is_this)) continue;
        std::uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        if (certificate == nullptr || X509_digest(certificate, hash.digest(), digest, &length) != 1)
            return FingerprintCheck::mismatch;
        ByteView const actual{digest, length};
        bool const found = std::ranges::any_of(
            expected, [&](const Fingerprint& f) { return is_this(f) && std::ranges::equal(f.bytes, actual); });
        return found ? FingerprintCheck::match : FingerprintCheck::mismatch;
    }
    return FingerprintCheck::no_known_hash;
}

}  // namespace sluice::dtls
