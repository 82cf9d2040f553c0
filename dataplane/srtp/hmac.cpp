#include "dataplane/srtp/hmac.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

// The EVP interface cannot resume from a saved chaining value and costs ten times as much for a
// STUN message; the low-level one is deprecated, not removed.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace sluice::srtp {
namespace {

using State = std::array<std::uint32_t, 5>;
constexpr std::size_t block_bytes = 64;

State state_of(const SHA_CTX& ctx) noexcept {
    return {ctx.h0, ctx.h1, ctx.h2, ctx.h3, ctx.h4};
}

// A context that has hashed one block, whose result is `state`.
void resume(SHA_CTX& ctx, const State& state) noexcept {
    ctx.h0 = state[0];
    ctx.h1 = state[1];
    ctx.h2 = state[2];
    ctx.h3 = state[3];
    ctx.h4 = state[4];
    ctx.Nl = block_bytes * 8;
    ctx.Nh = 0;
    ctx.num = 0;
}

State hash_pad(const std::array<std::uint8_t, block_bytes>& key, std::uint8_t pad) noexcept {
    std::array<std::uint8_t, block_bytes> block;
    std::ranges::transform(key, block.begin(), [pad](std::uint8_t byte) { return byte ^ pad; });
    SHA_CTX ctx;
    SHA1_Init(&ctx);
    SHA1_Update(&ctx, block.data(), block.size());
    const State state = state_of(ctx);
    secure_zero(&block, sizeof block);
    secure_zero(&ctx, sizeof ctx);
    return state;
}

}  // namespace

void HmacSha1Key::init(ByteView key) noexcept {
    std::array<std::uint8_t, block_bytes> padded{};
    if (key.size() > block_bytes) {
        SHA1(key.data(), key.size(), padded.data());
    } else {
        std::ranges::copy(key, padded.begin());
    }
    pads.inner = hash_pad(padded, 0x36);
    pads.outer = hash_pad(padded, 0x5c);
    secure_zero(&padded, sizeof padded);
}

void hmac_sha1(const KeyState::HmacPads& pads, std::span<const ByteView> parts, std::uint8_t out[20]) noexcept {
    SHA_CTX ctx;
    resume(ctx, pads.inner);
    for (const ByteView part : parts) SHA1_Update(&ctx, part.data(), part.size());
    std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest;
    SHA1_Final(digest.data(), &ctx);
    resume(ctx, pads.outer);
    SHA1_Update(&ctx, digest.data(), digest.size());
    SHA1_Final(out, &ctx);
}

bool equal_constant_time(const std::uint8_t* a, const std::uint8_t* b, std::size_t size) noexcept {
    return CRYPTO_memcmp(a, b, size) == 0;
}

}  // namespace sluice::srtp
