#include "dataplane/srtp/engine.hpp"

#include "dataplane/srtp/avx512_engine.hpp"
#include "dataplane/srtp/ipsec_mb_engine.hpp"
#include "dataplane/srtp/libsrtp_engine.hpp"

namespace sluice::srtp {

std::string_view to_string(OpenError error) noexcept {
    switch (error) {
        case OpenError::no_key: return "no key";
        case OpenError::too_short: return "too short";
        case OpenError::auth_failed: return "authentication failed";
        case OpenError::replayed: return "replayed";
        case OpenError::backend: return "refused by the backend";
    }
    return "unknown";
}

std::unique_ptr<Engine> make_engine(Backend backend) {
    switch (backend) {
        case Backend::ipsec_mb: return IpsecMbEngine::make();
        case Backend::libsrtp: return make_libsrtp_engine();
        case Backend::avx512: return Avx512Engine::make();
    }
    return nullptr;
}

std::string why_not(Backend backend) {
    if (backend == Backend::avx512) return Avx512Engine::why_not();
    return make_engine(backend) == nullptr ? "the library's self-test failed on this CPU" : "";
}

Backend best_backend() {
    return why_not(Backend::avx512).empty() ? Backend::avx512 : Backend::ipsec_mb;
}

}  // namespace sluice::srtp
