#include "dataplane/srtp/avx512_engine.hpp"

#include "dataplane/srtp/avx512/cpu.hpp"
#include "dataplane/srtp/ipsec_mb_engine.hpp"
#include "dataplane/srtp/known_answers.hpp"

namespace sluice::srtp {

std::unique_ptr<Avx512Engine> Avx512Engine::make() {
    if (!why_not().empty()) return nullptr;
    MbMgr manager = make_mb_mgr();
    if (!manager) return nullptr;
    return std::unique_ptr<Avx512Engine>(new Avx512Engine(std::move(manager)));
}

const std::string& Avx512Engine::why_not() {
    static const std::string reason = self_test();
    return reason;
}

std::string Avx512Engine::self_test() {
    if (const std::string missing = avx512::missing_features(); !missing.empty()) return "the CPU lacks " + missing;
    MbMgr manager = make_mb_mgr();
    if (!manager) return "intel-ipsec-mb does not run on this CPU";
    Avx512Engine engine(std::move(manager));
    return known_answers(engine) ? "" : "its self-test against known answers failed";
}

void Avx512Engine::load(KeyState& state, Suite suite, const MasterKey& master) {
    if (suite == Suite::none || suite == Suite::plaintext) {
        state.suite = suite;
        return;
    }
    expand(state, suite, SessionKeys(suite, master));
}

void Avx512Engine::expand(KeyState& state, Suite suite, const SessionKeys& keys) noexcept {
    expand_common(state, suite, keys);
    state.maker = Backend::avx512;
    if (suite == Suite::aead_aes_128_gcm) avx512::expand_gcm128(&state.rtp.gcm128, keys.rtp.key.data());
}

}  // namespace sluice::srtp
