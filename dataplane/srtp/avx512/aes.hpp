// AES on four blocks at a time, and the key schedules (FIPS 197).
// For AVX-512 translation units only: everything is in an unnamed namespace.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace sluice::srtp::avx512 {
namespace {

inline __m128i* block(uint8_t (*round_keys)[16], int i) {
    return reinterpret_cast<__m128i*>(round_keys[i]);
}
inline __m128i load_block(const uint8_t* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// Each word of the next four is the sum of all words of `words` up to its place, plus `assist`.
inline __m128i schedule_step(__m128i words, __m128i assist) {
    words = _mm_xor_si128(words, _mm_slli_si128(words, 4));
    words = _mm_xor_si128(words, _mm_slli_si128(words, 8));
    return _mm_xor_si128(words, assist);
}

// RotWord, SubWord and Rcon of the last word, in all words.
template <int Rcon>
inline __m128i rotated(__m128i words) {
    return _mm_shuffle_epi32(_mm_aeskeygenassist_si128(words, Rcon), 0xff);
}
// SubWord of the last word, in all words: every other step of AES-256.
inline __m128i substituted(__m128i words) {
    return _mm_shuffle_epi32(_mm_aeskeygenassist_si128(words, 0), 0xaa);
}

template <int Round, int Rcon>
inline void schedule128(uint8_t (*keys)[16]) {
    const __m128i last = *block(keys, Round - 1);
    *block(keys, Round) = schedule_step(last, rotated<Rcon>(last));
}

inline void expand_key(uint8_t (*keys)[16], const uint8_t* key, const uint8_t (&)[11][16]) {
    *block(keys, 0) = load_block(key);
    schedule128<1, 0x01>(keys);
    schedule128<2, 0x02>(keys);
    schedule128<3, 0x04>(keys);
    schedule128<4, 0x08>(keys);
    schedule128<5, 0x10>(keys);
    schedule128<6, 0x20>(keys);
    schedule128<7, 0x40>(keys);
    schedule128<8, 0x80>(keys);
    schedule128<9, 0x1b>(keys);
    schedule128<10, 0x36>(keys);
}

template <int Round, int Rcon>
inline void schedule256(uint8_t (*keys)[16]) {
    const __m128i even = *block(keys, Round - 2);
    const __m128i odd = *block(keys, Round - 1);
    *block(keys, Round) = schedule_step(even, rotated<Rcon>(odd));
    if constexpr (Round < 14) *block(keys, Round + 1) = schedule_step(odd, substituted(*block(keys, Round)));
}

inline void expand_key(uint8_t (*keys)[16], const uint8_t* key, const uint8_t (&)[15][16]) {
    *block(keys, 0) = load_block(key);
    *block(keys, 1) = load_block(key + 16);
    schedule256<2, 0x01>(keys);
    schedule256<4, 0x02>(keys);
    schedule256<6, 0x04>(keys);
    schedule256<8, 0x08>(keys);
    schedule256<10, 0x10>(keys);
    schedule256<12, 0x20>(keys);
    schedule256<14, 0x40>(keys);
}

template <int Rounds>
inline __m128i encrypt_block(const uint8_t (&keys)[Rounds + 1][16], __m128i x) {
    x = _mm_xor_si128(x, load_block(keys[0]));
    for (int r = 1; r < Rounds; ++r) x = _mm_aesenc_si128(x, load_block(keys[r]));
    return _mm_aesenclast_si128(x, load_block(keys[Rounds]));
}

// Four counter blocks of one register for each payload register. Only the last byte of a counter
// block changes within a packet (fewer than 256 blocks), so counting is one XOR with a public constant.
template <unsigned Registers, unsigned First>
struct alignas(64) Counters {
    uint32_t words[Registers][4][4];
    constexpr Counters() : words{} {
        for (unsigned i = 0; i < Registers * 4; ++i) words[i / 4][i % 4][3] = (First + i) << 24;
    }
    __m512i operator[](size_t i) const { return _mm512_load_si512(words[i]); }
};

}  // namespace
}  // namespace sluice::srtp::avx512
