// The engine of our own kernels. A header of its own for the reason that ipsec_mb_engine.hpp has one.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "dataplane/srtp/avx512_opener.hpp"
#include "dataplane/srtp/avx512_sealer.hpp"
#include "dataplane/srtp/engine.hpp"
#include "dataplane/srtp/kdf.hpp"

namespace sluice::srtp {

// Thread: owning worker only.
class Avx512Engine final : public Engine {
public:
    // Null if the CPU has not got what it takes, or if the self-test failed.
    [[nodiscard]] static std::unique_ptr<Avx512Engine> make();
    // Why make() returns null; empty if it does not. The self-test runs once in a process.
    [[nodiscard]] static const std::string& why_not();

    [[nodiscard]] Backend backend() const noexcept override { return Backend::avx512; }
    [[nodiscard]] SrtpSealer& sealer() noexcept override { return sealer_; }
    [[nodiscard]] SrtpOpener& opener() noexcept override { return opener_; }

    // Fills a wiped key.
    void expand(KeyState& state, Suite suite, const SessionKeys& keys) noexcept;

private:
    explicit Avx512Engine(MbMgr manager) noexcept : manager_(std::move(manager)), sealer_(*manager_), opener_(*manager_) {}
    [[nodiscard]] static std::string self_test();
    void load(KeyState& state, Suite suite, const MasterKey& master) override;

    MbMgr manager_;
    Avx512Sealer sealer_;
    Avx512Opener opener_;
};

}  // namespace sluice::srtp
