// Sealing with intel-ipsec-mb: GCM by the direct call, AES-CM and HMAC-SHA1 by bursts of lanes.
//
// Theory of operation. seal_rtp() walks the batch once. A GCM job is finished on the spot; a CM-SHA1
// job takes a lane. Full lanes (64), or the end of the batch, run one cipher burst and then one hash
// burst over all of them. The hash covers the ROC, which is not sent: it is written behind the
// ciphertext and the tag then written over it.
// Thread: owning worker only.
#pragma once

#include <array>

#include "dataplane/srtp/ipsec_mb.hpp"
#include "dataplane/srtp/iv.hpp"
#include "dataplane/srtp/sealer.hpp"

namespace sluice::srtp {

class IpsecMbSealer final : public SrtpSealer {
public:
    // `maker`: whose keys it takes. Those of Backend::avx512 for CM-SHA1 and SRTCP only, where layouts agree.
    explicit IpsecMbSealer(IMB_MGR& manager, Backend maker = Backend::ipsec_mb) noexcept;
    ~IpsecMbSealer() override;

    void seal_rtp(std::span<SealJob> jobs) override;
    std::size_t seal_rtcp(const TxKey& key, std::uint8_t* packet, std::size_t len, std::uint32_t index31) override;
    [[nodiscard]] std::string_view name() const override { return "ipsec_mb"; }

private:
    static constexpr std::size_t max_lanes = 64;
    // Below this many lanes one SHA-NI stream at a time beats the 16-lane code, most of it idle.
    static constexpr std::size_t min_burst_lanes = 3;

    void seal_gcm(SealJob& job) noexcept;
    void take_lane(SealJob& job) noexcept;
    void run_lanes() noexcept;

    IMB_MGR& manager_;
    Backend maker_;
    std::size_t ciphers_ = 0;  // may be fewer than lanes_: an empty payload has nothing to encipher
    std::size_t lanes_ = 0;
    std::array<const SealJob*, max_lanes> lane_jobs_{};
    std::array<Iv, max_lanes> ivs_{};
    std::array<IMB_JOB, max_lanes> cipher_jobs_{};
    std::array<IMB_JOB, max_lanes> hash_jobs_{};
    gcm_context_data gcm_context_{};
};

}  // namespace sluice::srtp
