// Sealing with our own kernels (avx512/): GCM packet by packet, CM-SHA1 sixteen lanes at a time.
//
// Theory of operation. seal_rtp() walks the batch once and describes each job to the kernel of its suite. At 64
// packets of a suite, or at the end of the batch, the kernels run: GCM in order, fetching the keys of the next
// packets meanwhile; CM-SHA1 sorted by length, in groups of sixteen, so that audio and video, small rooms and
// large, do not wait for each other's length. What is outside the kernels' range, too few lanes, and SRTCP
// go to ipsec-mb.
// Thread: owning worker only.
#pragma once

#include <array>

#include "dataplane/srtp/avx512/cm_sha1.hpp"
#include "dataplane/srtp/avx512/gcm.hpp"
#include "dataplane/srtp/ipsec_mb_sealer.hpp"

namespace sluice::srtp {

class Avx512Sealer final : public SrtpSealer {
public:
    explicit Avx512Sealer(IMB_MGR& manager) noexcept : manager_(manager), others_(manager, Backend::avx512) {}
    ~Avx512Sealer() override;

    void seal_rtp(std::span<SealJob> jobs) override;
    std::size_t seal_rtcp(const TxKey& key, std::uint8_t* packet, std::size_t len, std::uint32_t index31) override {
        return others_.seal_rtcp(key, packet, len, index31);
    }
    [[nodiscard]] std::string_view name() const override { return "avx512"; }

private:
    static constexpr std::size_t max_lanes = 64;

    void take_gcm(SealJob& job) noexcept;
    void seal_long_gcm(SealJob& job) noexcept;
    void run_gcm() noexcept;
    void take_lane(SealJob& job) noexcept;
    void run_lanes() noexcept;

    IMB_MGR& manager_;
    IpsecMbSealer others_;
    gcm_context_data gcm_context_{};
    std::size_t gcms_ = 0;
    std::array<avx512::GcmPacket, max_lanes> gcm_packets_{};
    std::size_t lanes_ = 0;
    std::array<SealJob*, max_lanes> lane_jobs_{};
    std::array<avx512::CmPacket, max_lanes> packets_{};
    std::array<std::uint16_t, max_lanes> order_{};  // SHA-1 blocks << 8 | lane
};

}  // namespace sluice::srtp
