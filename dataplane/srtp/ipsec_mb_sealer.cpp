#include "dataplane/srtp/ipsec_mb_sealer.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/srtp/hmac.hpp"
#include "dataplane/srtp/ipsec_mb_cipher.hpp"
#include "dataplane/srtp/layout.hpp"
#include "dataplane/srtp/plaintext.hpp"

namespace sluice::srtp {
namespace {

// ipsec-mb writes 12 bytes or the full 20; the last two of the 12 are not sent.
constexpr std::size_t written_tag_bytes = 12;
static_assert(seal_tailroom + sha1_80_tag_bytes >= written_tag_bytes);

constexpr std::size_t prefetch_distance = 3;

// Keys of large rooms do not stay in L2: ask for all the lines that sealing will read.
void prefetch_key(const TxKey* key) noexcept {
    if (key == nullptr) return;
    const auto* bytes = static_cast<const char*>(static_cast<const void*>(key));
    for (std::size_t line = 0; line < sizeof(TxKey); line += 64) __builtin_prefetch(bytes + line);
}

void finish_with_one_hash(const SealJob& job) noexcept {
    std::uint8_t* end = job.dst + job.header_len + job.payload_len;
    const ByteView message(job.dst, end + 4);
    std::array<std::uint8_t, 20> tag;
    hmac_sha1(job.key->rtp.cm.rtp_pads, {&message, 1}, tag.data());
    std::memcpy(end, tag.data(), sha1_80_tag_bytes);
}

}  // namespace

IpsecMbSealer::IpsecMbSealer(IMB_MGR& manager, Backend maker) noexcept : manager_(manager), maker_(maker) {
    for (std::size_t lane = 0; lane < max_lanes; ++lane) {
        prepare_cm_job(cipher_jobs_[lane]);
        hash_jobs_[lane].hash_alg = IMB_AUTH_HMAC_SHA_1;
        hash_jobs_[lane].hash_start_src_offset_in_bytes = 0;
        hash_jobs_[lane].auth_tag_output_len_in_bytes = written_tag_bytes;
    }
}

IpsecMbSealer::~IpsecMbSealer() {
    secure_zero(&gcm_context_, sizeof gcm_context_);
}

void IpsecMbSealer::seal_rtp(std::span<SealJob> jobs) {
    for (std::size_t i = 0; i < std::min(prefetch_distance, jobs.size()); ++i) prefetch_key(jobs[i].key);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (i + prefetch_distance < jobs.size()) prefetch_key(jobs[i + prefetch_distance].key);
        SealJob& job = jobs[i];
        switch (job.key == nullptr ? Suite::none : job.key->suite_for(maker_)) {
            case Suite::aead_aes_128_gcm: seal_gcm(job); break;
            case Suite::aes_cm_128_hmac_sha1_80: take_lane(job); break;
            case Suite::plaintext: plaintext::seal_rtp(job); break;
            case Suite::none: job.out_len = 0; break;
        }
    }
    run_lanes();
}

void IpsecMbSealer::seal_gcm(SealJob& job) noexcept {
    const Iv iv = gcm_iv(job.key->rtp_salt, job.ssrc, job.index);
    std::uint8_t* body = job.dst + job.header_len;
    manager_.gcm128_enc(gcm_key(*job.key), &gcm_context_, body, job.payload, job.payload_len, iv.bytes.data(), job.dst,
                        job.header_len, body + job.payload_len, gcm_tag_bytes);
    job.out_len = static_cast<std::uint16_t>(job.header_len + job.payload_len + gcm_tag_bytes);
}

void IpsecMbSealer::take_lane(SealJob& job) noexcept {
    if (lanes_ == max_lanes) run_lanes();
    const TxKey& key = *job.key;
    std::uint8_t* body = job.dst + job.header_len;
    std::uint8_t* tag = body + job.payload_len;

    if (job.payload_len != 0) {
        ivs_[ciphers_] = cm_iv(key.rtp_salt, job.ssrc, job.index);
        IMB_JOB& cipher = cipher_jobs_[ciphers_];
        cipher.enc_keys = key.rtp.cm.rtp_round_keys.data();
        cipher.src = job.payload;
        cipher.dst = body;
        cipher.msg_len_to_cipher_in_bytes = job.payload_len;
        cipher.iv = ivs_[ciphers_].bytes.data();
        ++ciphers_;
    }

    store_be32(tag, static_cast<std::uint32_t>(job.index >> 16));
    IMB_JOB& hash = hash_jobs_[lanes_];
    hash.src = job.dst;
    hash.msg_len_to_hash_in_bytes = job.header_len + job.payload_len + 4U;
    hash.auth_tag_output = tag;
    hash.u.HMAC._hashed_auth_key_xor_ipad = pad_bytes(key.rtp.cm.rtp_pads.inner);
    hash.u.HMAC._hashed_auth_key_xor_opad = pad_bytes(key.rtp.cm.rtp_pads.outer);
    lane_jobs_[lanes_] = &job;
    ++lanes_;
    job.out_len = static_cast<std::uint16_t>(job.header_len + job.payload_len + sha1_80_tag_bytes);
}

void IpsecMbSealer::run_lanes() noexcept {
    if (ciphers_ != 0) {
        manager_.submit_cipher_burst_nocheck(&manager_, cipher_jobs_.data(), static_cast<std::uint32_t>(ciphers_),
                                             IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
    }
    if (lanes_ >= min_burst_lanes) {
        manager_.submit_hash_burst_nocheck(&manager_, hash_jobs_.data(), static_cast<std::uint32_t>(lanes_),
                                           IMB_AUTH_HMAC_SHA_1);
    } else {
        for (std::size_t lane = 0; lane < lanes_; ++lane) finish_with_one_hash(*lane_jobs_[lane]);
    }
    ciphers_ = 0;
    lanes_ = 0;
}

std::size_t IpsecMbSealer::seal_rtcp(const TxKey& key, std::uint8_t* packet, std::size_t len, std::uint32_t index31) {
    if (len < rtcp_clear_header) return 0;
    const std::uint32_t ssrc = load_be32(packet + rtcp_ssrc_offset);
    const std::uint32_t index = index31 & max_rtcp_index;
    std::uint8_t* body = packet + rtcp_clear_header;
    std::uint8_t* end = packet + len;
    const std::size_t body_len = len - rtcp_clear_header;

    switch (key.suite_for(maker_)) {
        case Suite::aead_aes_128_gcm: {
            // RFC 7714 9.2: the clear header and the E|index word are authenticated, the rest enciphered.
            std::array<std::uint8_t, rtcp_clear_header + srtcp_word_bytes> aad;
            std::memcpy(aad.data(), packet, rtcp_clear_header);
            store_be32(aad.data() + rtcp_clear_header, rtcp_encrypted_flag | index);
            const Iv iv = gcm_iv(key.rtcp_salt, ssrc, index);
            const TransientGcmKey expanded(manager_, key.rtcp_key);
            manager_.gcm128_enc(expanded.get(), &gcm_context_, body, body, body_len, iv.bytes.data(), aad.data(), aad.size(),
                                end, gcm_tag_bytes);
            store_be32(end + gcm_tag_bytes, rtcp_encrypted_flag | index);
            return len + rtcp_overhead(key.suite);
        }
        case Suite::aes_cm_128_hmac_sha1_80: {
            const Aes128 cipher(key.rtcp_key);
            apply_cm(manager_, cipher.schedule(), cm_iv(key.rtcp_salt, ssrc, index), body, body, body_len);
            store_be32(end, rtcp_encrypted_flag | index);
            const ByteView message(packet, len + srtcp_word_bytes);
            std::array<std::uint8_t, 20> tag;
            hmac_sha1(key.rtp.cm.rtcp_pads, {&message, 1}, tag.data());
            std::memcpy(end + srtcp_word_bytes, tag.data(), sha1_80_tag_bytes);
            return len + rtcp_overhead(key.suite);
        }
        case Suite::plaintext: return len;
        case Suite::none: break;
    }
    return 0;
}

}  // namespace sluice::srtp
