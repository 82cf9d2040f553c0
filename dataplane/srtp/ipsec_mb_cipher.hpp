// The cipher operations that sealing and opening share: SRTCP keys expanded per packet, and AES-CM of a
// single message. Holds scratch that would otherwise leave secrets on the stack.
#pragma once

#include "dataplane/srtp/aes128.hpp"
#include "dataplane/srtp/ipsec_mb.hpp"
#include "dataplane/srtp/iv.hpp"

namespace sluice::srtp {

// A GCM key schedule that lives for one SRTCP packet.
class TransientGcmKey {
public:
    TransientGcmKey(const IMB_MGR& manager, const std::array<std::uint8_t, 16>& key) noexcept {
        manager.gcm128_pre(key.data(), &data_);
    }
    TransientGcmKey(const TransientGcmKey&) = delete;
    TransientGcmKey& operator=(const TransientGcmKey&) = delete;
    ~TransientGcmKey() { secure_zero(&data_, sizeof data_); }

    [[nodiscard]] const gcm_key_data* get() const noexcept { return &data_; }

private:
    alignas(64) gcm_key_data data_;
};

inline void prepare_cm_job(IMB_JOB& job) noexcept {
    job.cipher_mode = IMB_CIPHER_CNTR;
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.key_len_in_bytes = IMB_KEY_128_BYTES;
    job.cipher_start_src_offset_in_bytes = 0;
    job.iv_len_in_bytes = 16;
}

// AES-CM is its own inverse; src == dst is allowed.
inline void apply_cm(IMB_MGR& manager, const void* round_keys, const Iv& iv, const std::uint8_t* src, std::uint8_t* dst,
                     std::size_t len) noexcept {
    if (len == 0) return;
    IMB_JOB job{};
    prepare_cm_job(job);
    job.enc_keys = round_keys;
    job.src = src;
    job.dst = dst;
    job.msg_len_to_cipher_in_bytes = len;
    job.iv = iv.bytes.data();
    manager.submit_cipher_burst_nocheck(&manager, &job, 1, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
}

}  // namespace sluice::srtp
