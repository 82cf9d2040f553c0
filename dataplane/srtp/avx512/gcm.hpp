// What the AES-GCM kernels read and write, and their entry points. Only PODs: this header is included
// both by code for every CPU and by translation units compiled for AVX-512, so nothing in it may
// become a function that a linker could take from the wrong one.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace sluice::srtp::avx512 {

// Blocks, of 16 bytes, that one 64-byte register holds.
inline constexpr unsigned lanes = 4;
// Stored powers of H^4: how many full registers of payload a packet may have.
inline constexpr unsigned gcm_powers = 24;
// The kernels' range. The associated data has to fit one register, the payload the powers: up to
// gcm_powers full registers, and three more blocks beside the length block in the last.
inline constexpr uint32_t gcm_max_aad = 64;
inline constexpr uint32_t gcm_max_payload = (gcm_powers * lanes + lanes - 1) * 16;

// Expanded key: the GHASH key's powers in the form that ghash.hpp explains, then AES round keys. 11 lines
// of 64 bytes for AES-128. A packet reads the end of it, in one piece: a payload of 1200 bytes the last
// ten lines, one of 120 bytes the last six.
template <int Rounds>
struct alignas(64) GcmKey {
    // H^(4j) for j = gcm_powers ... 1: a packet of n full registers begins n entries before the end.
    uint8_t strides[gcm_powers][16];
    // H^8, H^7, ... H^1: any four neighbours are the multiplier of a last register. Reading three
    // entries past the end is harmless where the factor is zero, and lands in the round keys.
    alignas(64) uint8_t lows[2 * lanes][16];
    alignas(64) uint8_t round_keys[Rounds + 1][16];
};
using Gcm128Key = GcmKey<10>;
using Gcm256Key = GcmKey<14>;
static_assert(sizeof(Gcm128Key) == 11 * 64 && sizeof(Gcm256Key) == 12 * 64);

// One packet to seal or to open. src and dst do not overlap unless they are equal. `iv` and `lengths`
// are read back as vectors: each is best written by one store.
struct alignas(16) GcmPacket {
    uint8_t iv[16];       // 12 bytes, then zeroes
    uint64_t lengths[2];  // in bits: of the payload, of the associated data
    const void* key;      // a Gcm128Key or Gcm256Key, as the function called wants
    const uint8_t* aad;
    const uint8_t* src;
    uint8_t* dst;
    uint8_t* tag;       // 16 bytes; computed, also when opening: the caller compares
    uint32_t aad_len;   // 1 ... gcm_max_aad
    uint32_t text_len;  // 0 ... gcm_max_payload
};

void expand_gcm128(Gcm128Key* out, const uint8_t key[16]) noexcept;
void expand_gcm256(Gcm256Key* out, const uint8_t key[32]) noexcept;
void seal_gcm128(const GcmPacket* packets, size_t count) noexcept;
void seal_gcm256(const GcmPacket* packets, size_t count) noexcept;
void open_gcm128(const GcmPacket* packets, size_t count) noexcept;
void open_gcm256(const GcmPacket* packets, size_t count) noexcept;

}  // namespace sluice::srtp::avx512
