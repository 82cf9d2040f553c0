#include "dataplane/srtp/kdf.hpp"

#include <algorithm>
#include <bit>

#include "dataplane/base/bytes.hpp"
#include "dataplane/srtp/aes128.hpp"

namespace sluice::srtp {
namespace {

// RFC 3711 4.3.2; the SRTCP labels are those of SRTP plus 3.
enum Label : std::uint8_t { cipher_key = 0, auth_key = 1, cipher_salt = 2, srtcp = 3 };

using Block = std::array<std::uint8_t, 16>;

void derive(const Aes128& master, const Block& salt, std::uint8_t label, ByteSpan out) noexcept {
    Block counter = salt;
    counter[7] ^= label;
    for (std::uint8_t block = 0; !out.empty(); ++block) {
        counter[15] = block;
        auto stream = std::bit_cast<Block>(master.encrypt(std::bit_cast<__m128i>(counter)));
        const std::size_t take = std::min(out.size(), stream.size());
        std::copy_n(stream.begin(), take, out.begin());
        out = out.subspan(take);
        secure_zero(&stream, sizeof stream);
    }
}

void derive_half(const Aes128& master, const Block& salt, Suite suite, std::uint8_t first_label,
                 SessionKeys::Half& half) noexcept {
    derive(master, salt, first_label + cipher_key, half.key);
    if (suite == Suite::aes_cm_128_hmac_sha1_80) {
        derive(master, salt, first_label + auth_key, half.auth);
        derive(master, salt, first_label + cipher_salt, ByteSpan(half.salt).first(14));
    } else {
        derive(master, salt, first_label + cipher_salt, ByteSpan(half.salt).first(12));
    }
}

}  // namespace

SessionKeys::SessionKeys(Suite suite, const MasterKey& master) noexcept {
    const Aes128 cipher(master.key);
    Block salt{};
    std::copy_n(master.salt.begin(), suite == Suite::aead_aes_128_gcm ? 12 : 14, salt.begin());
    derive_half(cipher, salt, suite, 0, rtp);
    derive_half(cipher, salt, suite, srtcp, rtcp);
    secure_zero(&salt, sizeof salt);
}

}  // namespace sluice::srtp
