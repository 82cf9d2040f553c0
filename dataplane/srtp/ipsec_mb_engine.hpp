// The ipsec-mb engine. A header of its own so that known-answer tests can begin at the session keys,
// where the vectors of RFC 7714 begin.
#pragma once

#include <memory>
#include <utility>

#include "dataplane/srtp/engine.hpp"
#include "dataplane/srtp/ipsec_mb_opener.hpp"
#include "dataplane/srtp/ipsec_mb_sealer.hpp"
#include "dataplane/srtp/kdf.hpp"

namespace sluice::srtp {

// What a key holds besides its cipher state for GCM: salts, SRTCP key, all of CM-SHA1. Backend::avx512 keeps these alike.
void expand_common(KeyState& state, Suite suite, const SessionKeys& keys) noexcept;

// Thread: owning worker only.
class IpsecMbEngine final : public Engine {
public:
    // Null if the library does not run on this CPU.
    [[nodiscard]] static std::unique_ptr<IpsecMbEngine> make();

    [[nodiscard]] Backend backend() const noexcept override { return Backend::ipsec_mb; }
    [[nodiscard]] SrtpSealer& sealer() noexcept override { return sealer_; }
    [[nodiscard]] SrtpOpener& opener() noexcept override { return opener_; }

    // Fills a wiped key.
    void expand(KeyState& state, Suite suite, const SessionKeys& keys) noexcept;

private:
    explicit IpsecMbEngine(MbMgr manager) noexcept : manager_(std::move(manager)), sealer_(*manager_), opener_(*manager_) {}
    void load(KeyState& state, Suite suite, const MasterKey& master) override;

    MbMgr manager_;
    IpsecMbSealer sealer_;
    IpsecMbOpener opener_;
};

}  // namespace sluice::srtp
