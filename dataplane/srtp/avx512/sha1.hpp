// SHA-1 (FIPS 180-4) of sixteen messages side by side: word i of every message is one register.
// For AVX-512 translation units only: everything is in an unnamed namespace.
//
// A round is 9.4 instructions that only two ports execute, of which the rotations take the same one;
// 80 of them are about 376 cycles for sixteen blocks, and the chain of dependencies is half of that, so
// that interleaving two sets of sixteen would gain nothing on Intel.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "dataplane/srtp/avx512/vector.hpp"

namespace sluice::srtp::avx512 {
namespace {

struct Sha1State {
    __m512i a, b, c, d, e;
};

// Truth tables of the round functions, for vpternlogd.
inline constexpr int sha1_choose = 0xca, sha1_parity = 0x96, sha1_majority = 0xe8;

template <int T>
inline __m512i sha1_function(__m512i b, __m512i c, __m512i d) {
    constexpr int table = T < 20 ? sha1_choose : T >= 40 && T < 60 ? sha1_majority : sha1_parity;
    return _mm512_ternarylogic_epi32(b, c, d, table);
}

template <int T>
inline __m512i sha1_constant() {
    constexpr uint32_t k = T < 20 ? 0x5a827999 : T < 40 ? 0x6ed9eba1 : T < 60 ? 0x8f1bbcdc : 0xca62c1d6;
    return _mm512_set1_epi32(static_cast<int>(k));
}

template <int T>
inline __attribute__((always_inline)) void sha1_round(Sha1State& s, __m512i (&w)[16]) {
    if constexpr (T >= 16) {
        const __m512i sum = _mm512_ternarylogic_epi32(w[(T - 3) & 15], w[(T - 8) & 15], w[(T - 14) & 15], 0x96);
        w[T & 15] = _mm512_rol_epi32(_mm512_xor_si512(sum, w[T & 15]), 1);
    }
    // In the order in which the operands become known: the newest, a, last.
    const __m512i early = _mm512_add_epi32(_mm512_add_epi32(s.e, w[T & 15]), sha1_constant<T>());
    const __m512i sum = _mm512_add_epi32(early, sha1_function<T>(s.b, s.c, s.d));
    const __m512i next = _mm512_add_epi32(sum, _mm512_rol_epi32(s.a, 5));
    s = {next, s.a, _mm512_rol_epi32(s.b, 30), s.c, s.d};
}

// All rounds; `between(integral constant)` is called before each, to fill the ports that SHA-1 leaves idle.
template <int T = 0, typename Between>
inline __attribute__((always_inline)) void sha1_rounds(Sha1State& s, __m512i (&w)[16], const Between& between) {
    if constexpr (T < 80) {
        between.template operator()<T>();
        sha1_round<T>(s, w);
        sha1_rounds<T + 1>(s, w, between);
    }
}

// The transpose of a 16 x 16 matrix of words: rows are messages before, words after. Four stages of
// pairwise merges: of words, of doublewords, and twice of 16-byte quarters.
inline __attribute__((always_inline)) void transpose(__m512i (&r)[16]) {
    __m512i t[16];
    SLUICE_UNROLL
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    SLUICE_UNROLL
    for (int i = 0; i < 16; i += 4) {  // r[i + k]: word k of each quarter, of messages i ... i+3
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    SLUICE_UNROLL
    for (int k = 0; k < 4; ++k) {
        const __m512i even_low = _mm512_shuffle_i32x4(r[k], r[4 + k], 0x88);
        const __m512i odd_low = _mm512_shuffle_i32x4(r[k], r[4 + k], 0xdd);
        const __m512i even_high = _mm512_shuffle_i32x4(r[8 + k], r[12 + k], 0x88);
        const __m512i odd_high = _mm512_shuffle_i32x4(r[8 + k], r[12 + k], 0xdd);
        t[k] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        t[4 + k] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        t[8 + k] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
        t[12 + k] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
    SLUICE_UNROLL
    for (int i = 0; i < 16; ++i) r[i] = t[i];
}

// Words are big-endian in messages and digests.
inline __m512i swap_words(__m512i x) {
    const __m512i order = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
    return _mm512_shuffle_epi8(x, order);
}

}  // namespace
}  // namespace sluice::srtp::avx512
