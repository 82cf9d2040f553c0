// The SRTP protection profiles that the appliance negotiates (RFC 5764 4.1.2, RFC 7714 14.2), their
// per-packet cost in bytes, and the master key that DTLS exports for one direction of a transport.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::srtp {

enum class Suite : std::uint8_t {
    none = 0,
    aead_aes_128_gcm = 1,
    aes_cm_128_hmac_sha1_80 = 2,
    plaintext = 0xff,  // tests on ring ports only: no cipher, no tag, no SRTCP trailer
};

// AEAD_AES_128_GCM uses the first 12 bytes of the salt (RFC 7714 14.2); the rest is ignored.
struct MasterKey {
    std::array<std::uint8_t, 16> key{};
    std::array<std::uint8_t, 14> salt{};
};

inline constexpr std::size_t gcm_tag_bytes = 16;
inline constexpr std::size_t sha1_80_tag_bytes = 10;
// The E flag and the 31-bit index that end or nearly end every SRTCP packet (RFC 3711 3.4).
inline constexpr std::size_t srtcp_word_bytes = 4;
// seal_rtp() may scribble this far past the finished packet: room for the ROC and a 12-byte tag.
inline constexpr std::size_t seal_tailroom = 12;
// What an SRTP key can protect before it has to be replaced (RFC 3711 9.2).
inline constexpr std::uint64_t max_rtp_index = (std::uint64_t{1} << 48) - 1;
inline constexpr std::uint32_t max_rtcp_index = 0x7fffffff;

[[nodiscard]] constexpr std::size_t rtp_overhead(Suite suite) noexcept {
    switch (suite) {
        case Suite::aead_aes_128_gcm: return gcm_tag_bytes;
        case Suite::aes_cm_128_hmac_sha1_80: return sha1_80_tag_bytes;
        case Suite::none:
        case Suite::plaintext: break;
    }
    return 0;
}

[[nodiscard]] constexpr std::size_t rtcp_overhead(Suite suite) noexcept {
    const std::size_t tag = rtp_overhead(suite);
    return tag == 0 ? 0 : tag + srtcp_word_bytes;
}

[[nodiscard]] constexpr std::string_view to_string(Suite suite) noexcept {
    switch (suite) {
        case Suite::none: return "none";
        case Suite::aead_aes_128_gcm: return "AEAD_AES_128_GCM";
        case Suite::aes_cm_128_hmac_sha1_80: return "AES_CM_128_HMAC_SHA1_80";
        case Suite::plaintext: return "plaintext";
    }
    return "unknown";
}

// A store that the optimiser keeps although the memory is never read again.
void secure_zero(void* memory, std::size_t size) noexcept;

}  // namespace sluice::srtp
