// Opening: verifying and decrypting received SRTP and SRTCP (RFC 3711 3.3, RFC 7714 9).
//
// The opener is stateless: the caller estimates the index (guess_index), asks its ReplayWindow, opens,
// and only after success commits the index. No state may be changed by a packet that does not open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/srtp/key.hpp"

namespace sluice::srtp {

enum class OpenError : std::uint8_t {
    no_key,       // the key was never initialised, is wiped, or is another backend's
    too_short,    // no room for the header, the tag or the SRTCP index
    auth_failed,  // forged, damaged, or opened under the wrong key or index
    replayed,     // Backend::libsrtp only, which keeps a window of its own
    backend,      // Backend::libsrtp only: refused for a reason of its own (malformed header, index too old)
};

[[nodiscard]] std::string_view to_string(OpenError error) noexcept;

struct RtcpOpened {
    std::size_t len;  // of the plaintext RTCP packet
    // The 31-bit SRTCP index, for the caller's replay window. Suite::plaintext has none on the wire: a
    // number that grows with every call stands in, so that callers need no special case.
    std::uint32_t index;
};

// Thread: the worker that owns the engine.
class SrtpOpener {
public:
    virtual ~SrtpOpener() = default;

    // Copies the header verbatim to dst and puts the plaintext payload after it; returns the length of
    // both. dst has room for packet.size() - rtp_overhead(suite) and does not overlap the packet.
    // `header_len` (>= 12) counts CSRCs and extension. On error dst holds no plaintext: the payload is
    // untouched or zeroed.
    [[nodiscard]] virtual std::expected<std::size_t, OpenError> open_rtp(const RxKey& key, ByteView packet,
                                                                         std::size_t header_len, std::uint64_t index,
                                                                         std::uint8_t* dst) = 0;

    // dst has room for packet.size() - rtcp_overhead(suite). A packet whose E flag is clear
    // (authenticated but not encrypted, RFC 3711 3.4) is accepted by Backend::ipsec_mb.
    [[nodiscard]] virtual std::expected<RtcpOpened, OpenError> open_rtcp(const RxKey& key, ByteView packet,
                                                                         std::uint8_t* dst) = 0;

protected:
    SrtpOpener() = default;
    SrtpOpener(const SrtpOpener&) = delete;
    SrtpOpener& operator=(const SrtpOpener&) = delete;
};

}  // namespace sluice::srtp
