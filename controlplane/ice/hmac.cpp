#include "controlplane/ice/hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <memory>

namespace sluice::ice {
namespace {

constexpr std::size_t sha1_size = 20;

struct FreeMac {
    void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
    void operator()(EVP_MAC_CTX* ctx) const noexcept { EVP_MAC_CTX_free(ctx); }
};

// Fetching an algorithm takes the library's locks, so each thread keeps a context.
EVP_MAC_CTX* context() noexcept {
    thread_local std::unique_ptr<EVP_MAC_CTX, FreeMac> const kept = [] {
        std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
        return std::unique_ptr<EVP_MAC_CTX, FreeMac>(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
    }();
    return kept.get();
}

bool compute(std::string_view key, std::span<const ByteView> parts, std::uint8_t* out) noexcept {
    EVP_MAC_CTX* ctx = context();
    char digest[] = "SHA1";
    std::array<OSSL_PARAM, 2> const parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                               OSSL_PARAM_construct_end()};
    if (ctx == nullptr ||
        EVP_MAC_init(ctx, reinterpret_cast<const unsigned char*>(key.data()), key.size(), parameters.data()) != 1)
        return false;
    for (ByteView part : parts)
        if (EVP_MAC_update(ctx, part.data(), part.size()) != 1) return false;
    std::size_t length = 0;
    return EVP_MAC_final(ctx, out, &length, sha1_size) == 1 && length == sha1_size;
}

}  // namespace

void StunHmac::operator()(std::span<const ByteView> parts, std::uint8_t* out) noexcept {
    if (compute(password_, parts, out)) return;
    std::fill_n(out, sha1_size, std::uint8_t{0});
    ok_ = false;
}

}  // namespace sluice::ice
