// Between the engine's types and the kernels' PODs.
#pragma once

#include <emmintrin.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "dataplane/srtp/avx512/gcm.hpp"
#include "dataplane/srtp/iv.hpp"

namespace sluice::srtp::avx512 {

[[nodiscard]] inline bool in_gcm_range(std::size_t aad_len, std::size_t text_len) noexcept {
    return aad_len <= gcm_max_aad && text_len <= gcm_max_payload;
}

// One store, so that the kernel's vector load is forwarded.
inline void store_vector(std::uint8_t (&out)[16], const Iv& iv) noexcept {
    std::memcpy(out, iv.bytes.data(), sizeof out);
}

inline void describe(GcmPacket& packet, const void* key, const Iv& iv, const std::uint8_t* aad, std::size_t aad_len,
                     const std::uint8_t* src, std::uint8_t* dst, std::size_t text_len, std::uint8_t* tag) noexcept {
    store_vector(packet.iv, iv);
    const __m128i lengths = _mm_set_epi64x(static_cast<long long>(aad_len) * 8, static_cast<long long>(text_len) * 8);
    std::memcpy(packet.lengths, &lengths, sizeof lengths);
    packet.key = key;
    packet.aad = aad;
    packet.src = src;
    packet.dst = dst;
    packet.tag = tag;
    packet.aad_len = static_cast<std::uint32_t>(aad_len);
    packet.text_len = static_cast<std::uint32_t>(text_len);
}

// The first round key of AES-128 is the key.
[[nodiscard]] inline std::array<std::uint8_t, 16> cipher_key(const Gcm128Key& key) noexcept {
    std::array<std::uint8_t, 16> made;
    std::memcpy(made.data(), key.round_keys[0], made.size());
    return made;
}

}  // namespace sluice::srtp::avx512
