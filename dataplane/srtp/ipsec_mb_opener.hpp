// Opening with intel-ipsec-mb, one packet a call. GCM deciphers and authenticates in the same pass, so a
// forged payload is zeroed again before the error is returned; CM-SHA1 authenticates first.
// Thread: owning worker only.
#pragma once

#include "dataplane/srtp/ipsec_mb.hpp"
#include "dataplane/srtp/opener.hpp"

namespace sluice::srtp {

class IpsecMbOpener final : public SrtpOpener {
public:
    // `maker` as for IpsecMbSealer.
    explicit IpsecMbOpener(IMB_MGR& manager, Backend maker = Backend::ipsec_mb) noexcept
        : manager_(manager), maker_(maker) {}
    ~IpsecMbOpener() override;

    std::expected<std::size_t, OpenError> open_rtp(const RxKey& key, ByteView packet, std::size_t header_len,
                                                   std::uint64_t index, std::uint8_t* dst) override;
    std::expected<RtcpOpened, OpenError> open_rtcp(const RxKey& key, ByteView packet, std::uint8_t* dst) override;

private:
    bool open_rtcp_gcm(const RxKey& key, ByteView packet, std::uint32_t word, std::uint8_t* dst) noexcept;
    bool open_rtcp_cm(const RxKey& key, ByteView packet, std::uint32_t word, std::uint8_t* dst) noexcept;

    IMB_MGR& manager_;
    Backend maker_;
    gcm_context_data gcm_context_{};
    std::uint32_t plaintext_index_ = 0;
};

}  // namespace sluice::srtp
