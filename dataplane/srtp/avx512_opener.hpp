// Opening with our own kernels: GCM of RTP; everything else is ipsec-mb's. As there, a forged payload is
// zeroed again before the error is returned.
// Thread: owning worker only.
#pragma once

#include "dataplane/srtp/ipsec_mb_opener.hpp"

namespace sluice::srtp {

class Avx512Opener final : public SrtpOpener {
public:
    explicit Avx512Opener(IMB_MGR& manager) noexcept : manager_(manager), others_(manager, Backend::avx512) {}
    ~Avx512Opener() override;

    std::expected<std::size_t, OpenError> open_rtp(const RxKey& key, ByteView packet, std::size_t header_len,
                                                   std::uint64_t index, std::uint8_t* dst) override;
    std::expected<RtcpOpened, OpenError> open_rtcp(const RxKey& key, ByteView packet, std::uint8_t* dst) override {
        return others_.open_rtcp(key, packet, dst);
    }

private:
    IMB_MGR& manager_;
    IpsecMbOpener others_;
    gcm_context_data gcm_context_{};
};

}  // namespace sluice::srtp
