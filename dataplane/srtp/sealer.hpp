// Sealing: turning rewritten RTP and RTCP into SRTP and SRTCP (RFC 3711, RFC 7714).
//
// Theory of operation. A worker gathers a batch of jobs of any mix of viewers, rooms and suites, each
// with its explicit 48-bit index, and seals it with one call. Sealing is out of place: the shared
// plaintext is the source, the viewer's TX buffer the destination, so the cipher is the copy.
// GCM packets are sealed one by one (the cipher fills the machine by itself); CM-SHA1 packets are
// collected over the whole batch, because SHA-1 is only fast in 16 parallel lanes: batches of 64
// such jobs are best, fewer than 16 cost up to twice as much a packet.
//
// The caller must never seal two different byte strings under one (key, SSRC, index).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/srtp/key.hpp"

namespace sluice::srtp {

struct SealJob {
    const TxKey* key = nullptr;
    // The RTP header (CSRCs and extension included) stands in dst[0..header_len); ciphertext and tag
    // follow it. Room: header_len + payload_len + rtp_overhead(suite) + seal_tailroom.
    // Write the header with as few, as wide stores as possible: it is read back as a vector at once.
    std::uint8_t* dst = nullptr;
    std::uint16_t header_len = 0;
    std::uint16_t payload_len = 0;
    // Must not overlap dst.
    const std::uint8_t* payload = nullptr;
    std::uint64_t index = 0;  // 48 bits: ROC << 16 | sequence number of the header
    std::uint32_t ssrc = 0;   // of the header, host order
    // Result: header + payload + tag. 0 if nothing usable was written (no key, or an index that the
    // libsrtp backend cannot express): the packet must be dropped.
    std::uint16_t out_len = 0;
};
static_assert(sizeof(SealJob) == 48);

// Thread: the worker that owns the engine.
class SrtpSealer {
public:
    virtual ~SrtpSealer() = default;

    virtual void seal_rtp(std::span<SealJob> jobs) = 0;

    // Seals a compound RTCP packet in place; `packet` has room for len + rtcp_overhead(suite).
    // `index31` must be fresh for this key and grow by at least one each time. Returns the new length,
    // or 0 if the packet is shorter than one RTCP header with an SSRC (8 bytes) or there is no key.
    virtual std::size_t seal_rtcp(const TxKey& key, std::uint8_t* packet, std::size_t len, std::uint32_t index31) = 0;

    [[nodiscard]] virtual std::string_view name() const = 0;

protected:
    SrtpSealer() = default;
    SrtpSealer(const SrtpSealer&) = delete;
    SrtpSealer& operator=(const SrtpSealer&) = delete;
};

}  // namespace sluice::srtp
