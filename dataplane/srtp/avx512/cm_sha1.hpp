// What the AES-CM and HMAC-SHA1 kernel reads and writes. Only PODs, for the reason given in gcm.hpp.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace sluice::srtp::avx512 {

inline constexpr unsigned sha1_lanes = 16;
// The kernel's range: a payload in whose counter blocks only the last byte changes.
inline constexpr uint32_t cm_max_payload = 25 * 64;

// One packet. The message that is hashed is header, ciphertext and ROC, contiguous at `message`; the
// caller has written header and ROC, the kernel writes the ciphertext between them.
struct alignas(16) CmPacket {
    uint8_t iv[16];             // block counter (the last two bytes) 0; written by one store
    const uint8_t* round_keys;  // 11 * 16 bytes
    const uint32_t* pads;       // chaining values behind the inner and the outer pad: 5 and 5 words
    const uint8_t* src;
    uint8_t* message;
    uint8_t* tag;  // 10 bytes, over the ROC
    uint32_t text_len;
    uint32_t header_len;
};

// SHA-1 blocks that the message of a packet takes, padding included. Static: see gcm.hpp.
[[nodiscard]] static constexpr uint32_t cm_blocks(uint32_t header_len, uint32_t text_len) noexcept {
    return (header_len + text_len + 4 + 9 + 63) / 64;
}

// Seals up to 16 packets side by side, in the time that the longest of them takes sixteen times over:
// the caller groups by cm_blocks(). src does not overlap the message.
void seal_cm_sha1(const CmPacket* const* packets, unsigned count) noexcept;

}  // namespace sluice::srtp::avx512
