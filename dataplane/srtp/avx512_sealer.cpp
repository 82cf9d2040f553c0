#include "dataplane/srtp/avx512_sealer.hpp"

#include <algorithm>

#include "dataplane/srtp/avx512_packet.hpp"
#include "dataplane/srtp/ipsec_mb_cipher.hpp"
#include "dataplane/srtp/layout.hpp"

namespace sluice::srtp {
namespace {

constexpr std::size_t prefetch_distance = 3;
// Below this many lanes one SHA-NI stream at a time beats sixteen lanes, most of them idle.
constexpr std::size_t min_lanes = 4;

void prefetch(const void* begin, const void* end) noexcept {
    const auto* line = static_cast<const char*>(begin);
    for (; line < end; line += 64) __builtin_prefetch(line);
}

// Keys of large rooms do not stay in L2: ask for the lines that sealing will read, and for no more.
void prefetch_key(const SealJob& job) noexcept {
    const TxKey* key = job.key;
    if (key == nullptr) return;
    const auto& gcm = key->rtp.gcm128;
    // Of the long ones; a short payload's key costs nothing more to ask for.
    const unsigned registers = std::min<unsigned>(job.payload_len / 64 + 1u, avx512::gcm_powers);
    __builtin_prefetch(key);
    prefetch(gcm.strides[avx512::gcm_powers - registers], &gcm + 1);
    __builtin_prefetch(&key->rtp.cm);  // CM-SHA1's are the first four
}

}  // namespace

Avx512Sealer::~Avx512Sealer() {
    secure_zero(&gcm_context_, sizeof gcm_context_);
}

void Avx512Sealer::seal_rtp(std::span<SealJob> jobs) {
    for (std::size_t i = 0; i < std::min(prefetch_distance, jobs.size()); ++i) prefetch_key(jobs[i]);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (i + prefetch_distance < jobs.size()) prefetch_key(jobs[i + prefetch_distance]);
        SealJob& job = jobs[i];
        switch (job.key == nullptr ? Suite::none : job.key->suite_for(Backend::avx512)) {
            case Suite::aead_aes_128_gcm: seal_gcm(job); break;
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
    run_lanes();
}

void Avx512Sealer::seal_gcm(SealJob& job) noexcept {
    const TxKey& key = *job.key;
    std::uint8_t* body = job.dst + job.header_len;
    const Iv iv = gcm_iv(key.rtp_salt, job.ssrc, job.index);
    if (avx512::in_gcm_range(job.header_len, job.payload_len)) {
        avx512::GcmPacket packet;
        avx512::describe(packet, &key.rtp.gcm128, iv, job.dst, job.header_len, job.payload, body, job.payload_len,
                         body + job.payload_len);
        avx512::seal_gcm128(&packet, 1);
    } else {
        const TransientGcmKey expanded(manager_, avx512::cipher_key(key.rtp.gcm128));
        manager_.gcm128_enc(expanded.get(), &gcm_context_, body, job.payload, job.payload_len, iv.bytes.data(), job.dst,
                            job.header_len, body + job.payload_len, gcm_tag_bytes);
    }
    job.out_len = static_cast<std::uint16_t>(job.header_len + job.payload_len + gcm_tag_bytes);
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
