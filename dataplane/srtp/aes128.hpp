// AES-128 encryption of single blocks with AES-NI: key schedule and key derivation, where a library
// context would cost an allocation and ten times the work. Bulk ciphering is the backends' business.
#pragma once

#include <emmintrin.h>
#include <wmmintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/srtp/suite.hpp"

namespace sluice::srtp {

// FIPS 197 key schedule; the memory layout is the one that ipsec-mb expects.
class Aes128 {
public:
    static constexpr std::size_t round_keys = 11;

    explicit Aes128(const std::array<std::uint8_t, 16>& key) noexcept {
        keys_[0] = _mm_loadu_si128(vector(key.data()));
        expand<1, 0x01>();
        expand<2, 0x02>();
        expand<3, 0x04>();
        expand<4, 0x08>();
        expand<5, 0x10>();
        expand<6, 0x20>();
        expand<7, 0x40>();
        expand<8, 0x80>();
        expand<9, 0x1b>();
        expand<10, 0x36>();
    }
    Aes128(const Aes128&) = delete;
    Aes128& operator=(const Aes128&) = delete;
    ~Aes128() { secure_zero(keys_, sizeof keys_); }

    [[nodiscard]] __m128i encrypt(__m128i block) const noexcept {
        block = _mm_xor_si128(block, keys_[0]);
        for (std::size_t round = 1; round < round_keys - 1; ++round) block = _mm_aesenc_si128(block, keys_[round]);
        return _mm_aesenclast_si128(block, keys_[round_keys - 1]);
    }

    // 16-byte aligned, round_keys * 16 bytes.
    [[nodiscard]] const void* schedule() const noexcept { return keys_; }

private:
    static const __m128i* vector(const void* bytes) noexcept { return static_cast<const __m128i*>(bytes); }

    template <int Round, int Rcon>
    void expand() noexcept {
        const __m128i last = keys_[Round - 1];
        const __m128i assist = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(last, Rcon), 0xff);
        __m128i sum = _mm_xor_si128(last, _mm_slli_si128(last, 4));
        sum = _mm_xor_si128(sum, _mm_slli_si128(sum, 8));
        keys_[Round] = _mm_xor_si128(sum, assist);
    }

    __m128i keys_[round_keys];
};

}  // namespace sluice::srtp
