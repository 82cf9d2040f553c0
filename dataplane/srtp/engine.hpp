// One SRTP engine per thread: it owns the backend's scratch memory and dispatch tables and hands out
// the sealer and the opener that use them. Keys may be initialised by one engine and used by another
// of the same backend, so a main thread with its own engine can prepare keys for the workers; another
// backend's key counts as no key.
//
// Backends. avx512 is our own kernels (docs/decisions/009), for CPUs with AVX-512, VAES and VPCLMULQDQ; what they do not
// cover it leaves to ipsec-mb. ipsec_mb is the product's on all others. libsrtp is the oracle of the tests and selectable:
// it chooses SRTCP indices itself (seal_rtcp's index31 is ignored), so a restart has to re-key; RTP indices are honoured
// while they are no more than 4096 below the highest of their SSRC (or any distance above); and it allocates at init and at
// the first packet of an SSRC.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/srtp/hmac.hpp"
#include "dataplane/srtp/key.hpp"
#include "dataplane/srtp/opener.hpp"
#include "dataplane/srtp/sealer.hpp"

namespace sluice::srtp {

[[nodiscard]] constexpr std::string_view to_string(Backend backend) noexcept {
    switch (backend) {
        case Backend::ipsec_mb: return "ipsec_mb";
        case Backend::libsrtp: return "libsrtp";
        case Backend::avx512: return "avx512";
    }
    return "unknown";
}

// Thread: owning worker only.
class Engine {
public:
    virtual ~Engine() = default;
    [[nodiscard]] virtual Backend backend() const noexcept = 0;
    [[nodiscard]] virtual SrtpSealer& sealer() noexcept = 0;
    [[nodiscard]] virtual SrtpOpener& opener() noexcept = 0;

    void hmac_sha1(const HmacSha1Key& key, std::span<const ByteView> parts, std::uint8_t out[20]) const noexcept {
        srtp::hmac_sha1(key.pads, parts, out);
    }

protected:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

private:
    friend struct TxKey;
    friend struct RxKey;

    // Fills a wiped key.
    virtual void load(KeyState& state, Suite suite, const MasterKey& master) = 0;
};

// Null if the backend cannot run on this CPU, or fails its self-test: why_not() says which.
[[nodiscard]] std::unique_ptr<Engine> make_engine(Backend backend);

// Empty if make_engine() succeeds; otherwise a reason for people.
[[nodiscard]] std::string why_not(Backend backend);

// The fastest that runs here.
[[nodiscard]] Backend best_backend();

}  // namespace sluice::srtp
