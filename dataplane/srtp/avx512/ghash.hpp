// GHASH (NIST SP 800-38D 6.4; RFC 7714 uses it unchanged) on four blocks at a time.
// For AVX-512 translation units only: everything is in an unnamed namespace.
//
// Theory of operation.
//
// The field. A block is a polynomial over GF(2) modulo P = x^128 + x^7 + x^2 + x + 1, and its *first*
// bit is the coefficient of x^0. Read as a big-endian integer (bytes reversed, reverse_blocks()) the
// coefficient of x^i stands at bit 127-i: the integer is the polynomial reflected. Carry-less
// multiplication of two reflected 128-bit integers gives the 255-bit reflection of the product, which
// sits one bit too low in 256. Instead of shifting each product, the key is stored shifted:
// reflect(H) << 1, i.e. H * x^-1; a bit that falls out at the top is the coefficient of x^0, and
// x^-1 = x^127 + x^6 + x + 1 (mod P), reflected c2000000 00000000 00000000 00000001, replaces it.
// "Stored form" below means this. The stored form of H^a times the plain form of X gives X * H^a; and
// stored times stored gives stored: both operands lack x^1, the product only has to lack one.
//
// Reduction. In the 256-bit product the low half holds the coefficients of x^128 and above. The
// reflected modulus is the 129-bit integer m = 2^128 + 2^64 * (c2 << 56) + 1. Adding q * m, where q is
// the lowest 64 bits, clears those 64 bits, adds q * (c2 << 56) one word up and q two words up: one
// carry-less multiplication and a swap of halves. Twice, and the upper half is the remainder.
//
// Many blocks, one reduction. GHASH(X_1 ... X_n) = X_1 H^n + X_2 H^(n-1) + ... + X_n H. Multiplication is
// linear, so products are summed unreduced (Product), and reduced once. Registers hold four
// neighbouring blocks. All full registers but the last are multiplied by H^(4j), the same power in
// each lane: that is a broadcast of 16 stored bytes instead of 64. What is still missing then differs by
// lane: the lane k blocks before the end lacks H^k, and one multiplication by four neighbouring powers
// (GcmKey::lows) supplies it, after which the four lanes are added up.
//
// Schoolbook (4 multiplications of 64 bits) and not Karatsuba (3): on Intel the shuffle that Karatsuba
// needs to add the halves takes the very port whose multiplication it saves, and more additions besides.
// On AMD Zen 5 Karatsuba was measured 4 % faster, for 128 to 192 more bytes of key.
//
// Constant time: no branch and no address depends on anything but lengths.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "dataplane/srtp/avx512/vector.hpp"

namespace sluice::srtp::avx512 {
namespace {

// Unreduced sum of products, each lane by itself: low + middle * 2^64 + high * 2^128.
struct Product {
    __m512i low, middle, high;
};

inline __m512i swap_halves(__m512i x) {
    return _mm512_shuffle_epi32(x, _MM_PERM_BADC);
}

inline __m512i broadcast_block(const uint8_t* block) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block)));
}

// Between a block's bytes and its integer.
inline __m512i reverse_blocks(__m512i x) {
    const __m512i order = _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    return _mm512_shuffle_epi8(x, order);
}

inline Product multiply(__m512i x, __m512i h) {
    return {_mm512_clmulepi64_epi128(x, h, 0x00),
            _mm512_xor_si512(_mm512_clmulepi64_epi128(x, h, 0x01), _mm512_clmulepi64_epi128(x, h, 0x10)),
            _mm512_clmulepi64_epi128(x, h, 0x11)};
}

inline void multiply_add(Product& sum, __m512i x, __m512i h) {
    sum.low = _mm512_xor_si512(sum.low, _mm512_clmulepi64_epi128(x, h, 0x00));
    sum.middle = xor3(sum.middle, _mm512_clmulepi64_epi128(x, h, 0x01), _mm512_clmulepi64_epi128(x, h, 0x10));
    sum.high = _mm512_xor_si512(sum.high, _mm512_clmulepi64_epi128(x, h, 0x11));
}

// Two products at a time: three-way XORs take half as many instructions.
inline void multiply_add(Product& sum, __m512i x, __m512i h, __m512i y, __m512i k) {
    sum.low = xor3(sum.low, _mm512_clmulepi64_epi128(x, h, 0x00), _mm512_clmulepi64_epi128(y, k, 0x00));
    sum.middle = xor3(sum.middle, _mm512_clmulepi64_epi128(x, h, 0x01), _mm512_clmulepi64_epi128(x, h, 0x10));
    sum.middle = xor3(sum.middle, _mm512_clmulepi64_epi128(y, k, 0x01), _mm512_clmulepi64_epi128(y, k, 0x10));
    sum.high = xor3(sum.high, _mm512_clmulepi64_epi128(x, h, 0x11), _mm512_clmulepi64_epi128(y, k, 0x11));
}

// q * m added for the two lowest words in turn, as above.
inline __m512i reduce(const Product& p) {
    const __m512i modulus = _mm512_set1_epi64(static_cast<long long>(0xc2ULL << 56));
    const __m512i first = xor3(p.middle, swap_halves(p.low), _mm512_clmulepi64_epi128(p.low, modulus, 0x00));
    return xor3(p.high, swap_halves(first), _mm512_clmulepi64_epi128(first, modulus, 0x00));
}

inline __m128i add_lanes(__m512i x) {
    const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Product of two stored forms, in stored form; each lane by itself.
inline __m512i multiply_stored(__m512i a, __m512i b) {
    return reduce(multiply(a, b));
}

// reflect(H) << 1 modulo P; `h` holds the integer of H. Without a branch: H is secret.
inline __m128i stored_form(__m128i h) {
    const __m128i carries = _mm_srli_epi64(h, 63);  // bit 63 of each half
    const __m128i shifted = _mm_or_si128(_mm_slli_epi64(h, 1), _mm_slli_si128(carries, 8));
    const __m128i top = _mm_shuffle_epi32(carries, _MM_SHUFFLE(3, 2, 3, 2));
    const __m128i mask = _mm_sub_epi64(_mm_setzero_si128(), top);
    const __m128i inverse_of_x = _mm_set_epi64x(static_cast<long long>(0xc2ULL << 56), 1);
    return _mm_xor_si128(shifted, _mm_and_si128(mask, inverse_of_x));
}

}  // namespace
}  // namespace sluice::srtp::avx512
