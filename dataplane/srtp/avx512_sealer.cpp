#include "dataplane/srtp/avx512_sealer.hpp"

#include <algorithm>

#include "dataplane/srtp/avx512_packet.hpp"
#include "dataplane/srtp/ipsec_mb_cipher.hpp"
#include "dataplane/srtp/layout.hpp"

namespace sluice::srtp {
namespace {

// Of a key's first line, and the pads and round keys of CM-SHA1. The GCM kernel fetches the rest itself.
constexpr std::size_t keys_ahead = 4;
// Below this many lanes one SHA-NI stream at a time beats sixteen lanes, most of them idle.
constexpr std::size_t min_lanes = 4;

void prefetch_key(const SealJob& job, Suite like) noexcept {
    const auto* line = static_cast<const char*>(static_cast<const void*>(job.key));
    if (line == nullptr) return;
    __builtin_prefetch(line);
    if (like != Suite::aes_cm_128_hmac_sha1_80) return;
    line += offsetof(TxKey, rtp);
    for (std::size_t i = 0; i < sizeof(KeyState::CmState); i += 64) __builtin_prefetch(line + i);
}

}  // namespace

Avx512Sealer::~Avx512Sealer() {
    secure_zero(&gcm_context_, sizeof gcm_context_);
}

void Avx512Sealer::seal_rtp(std::span<SealJob> jobs) {
    Suite suite = Suite::none;  // of the job before: the next is likely to be like it
    for (std::size_t i = 0; i < std::min(keys_ahead, jobs.size()); ++i) prefetch_key(jobs[i], suite);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (i + keys_ahead < jobs.size()) prefetch_key(jobs[i + keys_ahead], suite);
        SealJob& job = jobs[i];
        suite = job.key == nullptr ? Suite::none : job.key->suite_for(Backend::avx512);
        switch (suite) {
            case Suite::aead_aes_128_gcm: take_gcm(job); break;
            case Suite::aes_cm_128_hmac_sha1_80:
                if (job.payload_len <= avx512::cm_max_payload)
                    take_lane(job);
                else
                    others_.seal_rtp({&job, 1});
                break;
            case Suite::plaintext: others_.seal_rtp({&job, 1}); break;
            case Suite::none: job.out_len = 0; break;
        }
    }
    run_gcm();
    run_lanes();
}

void Avx512Sealer::take_gcm(SealJob& job) noexcept {
    job.out_len = static_cast<std::uint16_t>(job.header_len + job.payload_len + gcm_tag_bytes);
    if (!avx512::in_gcm_range(job.header_len, job.payload_len)) return seal_long_gcm(job);
    if (gcms_ == max_lanes) run_gcm();
    const TxKey& key = *job.key;
    std::uint8_t* body = job.dst + job.header_len;
    avx512::describe(gcm_packets_[gcms_++], &key.rtp.gcm128, gcm_iv(key.rtp_salt, job.ssrc, job.index), job.dst,
                     job.header_len, job.payload, body, job.payload_len, body + job.payload_len);
}

void Avx512Sealer::run_gcm() noexcept {
    avx512::seal_gcm128(gcm_packets_.data(), gcms_);
    gcms_ = 0;
}

void Avx512Sealer::seal_long_gcm(SealJob& job) noexcept {
    const TxKey& key = *job.key;
    std::uint8_t* body = job.dst + job.header_len;
    const Iv iv = gcm_iv(key.rtp_salt, job.ssrc, job.index);
    const TransientGcmKey expanded(manager_, avx512::cipher_key(key.rtp.gcm128));
    manager_.gcm128_enc(expanded.get(), &gcm_context_, body, job.payload, job.payload_len, iv.bytes.data(), job.dst,
                        job.header_len, body + job.payload_len, gcm_tag_bytes);
}

void Avx512Sealer::take_lane(SealJob& job) noexcept {
    if (lanes_ == max_lanes) run_lanes();
    const auto& cm = job.key->rtp.cm;
    avx512::CmPacket& packet = packets_[lanes_];
    avx512::store_vector(packet.iv, cm_iv(job.key->rtp_salt, job.ssrc, job.index));
    packet.round_keys = cm.rtp_round_keys.data();
    packet.pads = cm.rtp_pads.inner.data();
    packet.src = job.payload;
    packet.message = job.dst;
    packet.tag = job.dst + job.header_len + job.payload_len;
    packet.text_len = job.payload_len;
    packet.header_len = job.header_len;
    store_be32(packet.tag, static_cast<std::uint32_t>(job.index >> 16));
    order_[lanes_] = static_cast<std::uint16_t>(avx512::cm_blocks(job.header_len, job.payload_len) << 8 | lanes_);
    lane_jobs_[lanes_] = &job;
    ++lanes_;
    job.out_len = static_cast<std::uint16_t>(job.header_len + job.payload_len + sha1_80_tag_bytes);
}

void Avx512Sealer::run_lanes() noexcept {
    const std::span<std::uint16_t> order(order_.data(), lanes_);
    if (lanes_ > avx512::sha1_lanes && !std::ranges::is_sorted(order, std::greater{}, [](auto o) { return o >> 8; })) {
        std::ranges::sort(order, std::greater{});  // the longest first: what does not fill a group is short
    }
    std::size_t done = 0;
    while (lanes_ - done >= min_lanes) {
        const std::size_t count = std::min<std::size_t>(avx512::sha1_lanes, lanes_ - done);
        std::array<const avx512::CmPacket*, avx512::sha1_lanes> group;
        for (std::size_t i = 0; i < count; ++i) group[i] = &packets_[order[done + i] & 0xff];
        avx512::seal_cm_sha1(group.data(), static_cast<unsigned>(count));
        done += count;
    }
    for (; done < lanes_; ++done) others_.seal_rtp({lane_jobs_[order[done] & 0xff], 1});
    lanes_ = 0;
}

}  // namespace sluice::srtp
