#include "dataplane/srtp/avx512_opener.hpp"

#include <array>
#include <cstring>

#include "dataplane/srtp/avx512_packet.hpp"
#include "dataplane/srtp/hmac.hpp"
#include "dataplane/srtp/ipsec_mb_cipher.hpp"
#include "dataplane/srtp/layout.hpp"

namespace sluice::srtp {

Avx512Opener::~Avx512Opener() {
    secure_zero(&gcm_context_, sizeof gcm_context_);
}

std::expected<std::size_t, OpenError> Avx512Opener::open_rtp(const RxKey& key, ByteView packet, std::size_t header_len,
                                                             std::uint64_t index, std::uint8_t* dst) {
    if (key.suite_for(Backend::avx512) != Suite::aead_aes_128_gcm) {
        return others_.open_rtp(key, packet, header_len, index, dst);
    }
    if (header_len < rtp_fixed_header || packet.size() < header_len + gcm_tag_bytes) {
        return std::unexpected(OpenError::too_short);
    }
    const std::size_t plain_len = packet.size() - gcm_tag_bytes;
    const std::size_t payload_len = plain_len - header_len;
    const std::uint8_t* payload = packet.data() + header_len;
    const Iv iv = gcm_iv(key.rtp_salt, load_be32(packet.data() + rtp_ssrc_offset), index);
    std::array<std::uint8_t, gcm_tag_bytes> expected_tag;
    if (avx512::in_gcm_range(header_len, payload_len)) {
        avx512::GcmPacket p;
        avx512::describe(p, &key.rtp.gcm128, iv, packet.data(), header_len, payload, dst + header_len, payload_len,
                         expected_tag.data());
        avx512::open_gcm128(&p, 1);
    } else {
        const TransientGcmKey expanded(manager_, avx512::cipher_key(key.rtp.gcm128));
        manager_.gcm128_dec(expanded.get(), &gcm_context_, dst + header_len, payload, payload_len, iv.bytes.data(),
                            packet.data(), header_len, expected_tag.data(), expected_tag.size());
    }
    if (!equal_constant_time(expected_tag.data(), packet.data() + plain_len, expected_tag.size())) {
        secure_zero(dst + header_len, payload_len);
        return std::unexpected(OpenError::auth_failed);
    }
    std::memcpy(dst, packet.data(), header_len);
    return plain_len;
}

}  // namespace sluice::srtp
