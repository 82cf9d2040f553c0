#include "dataplane/srtp/ipsec_mb_opener.hpp"

#include <array>
#include <cstring>

#include "dataplane/srtp/hmac.hpp"
#include "dataplane/srtp/ipsec_mb_cipher.hpp"
#include "dataplane/srtp/layout.hpp"
#include "dataplane/srtp/plaintext.hpp"

namespace sluice::srtp {
namespace {

constexpr std::size_t sha1_bytes = 20;
using Word = std::array<std::uint8_t, 4>;

Word word_bytes(std::uint32_t value) noexcept {
    Word word;
    store_be32(word.data(), value);
    return word;
}

}  // namespace

IpsecMbOpener::~IpsecMbOpener() {
    secure_zero(&gcm_context_, sizeof gcm_context_);
}

std::expected<std::size_t, OpenError> IpsecMbOpener::open_rtp(const RxKey& key, ByteView packet, std::size_t header_len,
                                                              std::uint64_t index, std::uint8_t* dst) {
    if (key.suite_for(maker_) == Suite::none) return std::unexpected(OpenError::no_key);
    if (header_len < rtp_fixed_header || packet.size() < header_len + rtp_overhead(key.suite)) {
        return std::unexpected(OpenError::too_short);
    }
    if (key.suite == Suite::plaintext) return plaintext::open(packet, dst);

    const std::uint32_t ssrc = load_be32(packet.data() + rtp_ssrc_offset);
    const std::size_t plain_len = packet.size() - rtp_overhead(key.suite);
    const std::size_t payload_len = plain_len - header_len;
    const std::uint8_t* payload = packet.data() + header_len;
    const std::uint8_t* tag = packet.data() + plain_len;

    if (key.suite == Suite::aead_aes_128_gcm) {
        const Iv iv = gcm_iv(key.rtp_salt, ssrc, index);
        std::array<std::uint8_t, gcm_tag_bytes> expected_tag;
        manager_.gcm128_dec(gcm_key(key), &gcm_context_, dst + header_len, payload, payload_len, iv.bytes.data(),
                            packet.data(), header_len, expected_tag.data(), expected_tag.size());
        if (!equal_constant_time(expected_tag.data(), tag, expected_tag.size())) {
            secure_zero(dst + header_len, payload_len);
            return std::unexpected(OpenError::auth_failed);
        }
    } else {
        const Word roc = word_bytes(static_cast<std::uint32_t>(index >> 16));
        const std::array<ByteView, 2> message{packet.first(plain_len), roc};
        std::array<std::uint8_t, sha1_bytes> expected_tag;
        hmac_sha1(key.rtp.cm.rtp_pads, message, expected_tag.data());
        if (!equal_constant_time(expected_tag.data(), tag, sha1_80_tag_bytes)) {
            return std::unexpected(OpenError::auth_failed);
        }
        apply_cm(manager_, key.rtp.cm.rtp_round_keys.data(), cm_iv(key.rtp_salt, ssrc, index), payload, dst + header_len,
                 payload_len);
    }
    std::memcpy(dst, packet.data(), header_len);
    return plain_len;
}

std::expected<RtcpOpened, OpenError> IpsecMbOpener::open_rtcp(const RxKey& key, ByteView packet, std::uint8_t* dst) {
    if (key.suite_for(maker_) == Suite::none) return std::unexpected(OpenError::no_key);
    if (packet.size() < rtcp_clear_header + rtcp_overhead(key.suite)) return std::unexpected(OpenError::too_short);
    if (key.suite == Suite::plaintext) {
        plaintext_index_ = (plaintext_index_ + 1) & max_rtcp_index;
        return RtcpOpened{plaintext::open(packet, dst), plaintext_index_};
    }

    const bool gcm = key.suite == Suite::aead_aes_128_gcm;
    const std::size_t behind_word = gcm ? 0 : sha1_80_tag_bytes;
    const std::uint32_t word = load_be32(packet.data() + packet.size() - behind_word - srtcp_word_bytes);
    const bool authentic = gcm ? open_rtcp_gcm(key, packet, word, dst) : open_rtcp_cm(key, packet, word, dst);
    if (!authentic) return std::unexpected(OpenError::auth_failed);
    return RtcpOpened{packet.size() - rtcp_overhead(key.suite), word & max_rtcp_index};
}

// Clear header, ciphertext, tag, E|index word.
bool IpsecMbOpener::open_rtcp_gcm(const RxKey& key, ByteView packet, std::uint32_t word, std::uint8_t* dst) noexcept {
    const std::size_t plain_len = packet.size() - rtcp_overhead(key.suite);
    const std::uint8_t* tag = packet.data() + plain_len;
    const std::uint32_t ssrc = load_be32(packet.data() + rtcp_ssrc_offset);
    const Iv iv = gcm_iv(key.rtcp_salt, ssrc, word & max_rtcp_index);
    const TransientGcmKey expanded(manager_, key.rtcp_key);
    const Word word_aad = word_bytes(word);
    std::array<std::uint8_t, gcm_tag_bytes> expected_tag;

    if ((word & rtcp_encrypted_flag) == 0) {
        // RFC 7714 9.3: all of the packet and the word are associated data, and nothing is enciphered.
        manager_.gmac128_init(expanded.get(), &gcm_context_, iv.bytes.data(), 12);
        manager_.gmac128_update(expanded.get(), &gcm_context_, packet.data(), plain_len);
        manager_.gmac128_update(expanded.get(), &gcm_context_, word_aad.data(), word_aad.size());
        manager_.gmac128_finalize(expanded.get(), &gcm_context_, expected_tag.data(), expected_tag.size());
        if (!equal_constant_time(expected_tag.data(), tag, expected_tag.size())) return false;
        std::memcpy(dst, packet.data(), plain_len);
        return true;
    }

    std::array<std::uint8_t, rtcp_clear_header + srtcp_word_bytes> aad;
    std::memcpy(aad.data(), packet.data(), rtcp_clear_header);
    std::memcpy(aad.data() + rtcp_clear_header, word_aad.data(), word_aad.size());
    manager_.gcm128_dec(expanded.get(), &gcm_context_, dst + rtcp_clear_header, packet.data() + rtcp_clear_header,
                        plain_len - rtcp_clear_header, iv.bytes.data(), aad.data(), aad.size(), expected_tag.data(),
                        expected_tag.size());
    if (!equal_constant_time(expected_tag.data(), tag, expected_tag.size())) {
        secure_zero(dst + rtcp_clear_header, plain_len - rtcp_clear_header);
        return false;
    }
    std::memcpy(dst, packet.data(), rtcp_clear_header);
    return true;
}

// Clear header, ciphertext, E|index word, tag.
bool IpsecMbOpener::open_rtcp_cm(const RxKey& key, ByteView packet, std::uint32_t word, std::uint8_t* dst) noexcept {
    const std::size_t plain_len = packet.size() - rtcp_overhead(key.suite);
    const ByteView message = packet.first(plain_len + srtcp_word_bytes);
    std::array<std::uint8_t, sha1_bytes> expected_tag;
    hmac_sha1(key.rtp.cm.rtcp_pads, {&message, 1}, expected_tag.data());
    if (!equal_constant_time(expected_tag.data(), packet.data() + message.size(), sha1_80_tag_bytes)) return false;

    if ((word & rtcp_encrypted_flag) == 0) {
        std::memcpy(dst, packet.data(), plain_len);
        return true;
    }
    const Aes128 cipher(key.rtcp_key);
    const std::uint32_t ssrc = load_be32(packet.data() + rtcp_ssrc_offset);
    std::memcpy(dst, packet.data(), rtcp_clear_header);
    apply_cm(manager_, cipher.schedule(), cm_iv(key.rtcp_salt, ssrc, word & max_rtcp_index),
             packet.data() + rtcp_clear_header, dst + rtcp_clear_header, plain_len - rtcp_clear_header);
    return true;
}

}  // namespace sluice::srtp
