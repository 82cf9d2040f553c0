#include "dataplane/srtp/ipsec_mb_engine.hpp"

#include <cstring>

#include "dataplane/srtp/aes128.hpp"

namespace sluice::srtp {
namespace {

KeyState::HmacPads pads_of(const std::array<std::uint8_t, 20>& auth) noexcept {
    HmacSha1Key key;
    key.init(auth);
    const KeyState::HmacPads pads = key.pads;
    key.wipe();
    return pads;
}

}  // namespace

std::unique_ptr<IpsecMbEngine> IpsecMbEngine::make() {
    MbMgr manager = make_mb_mgr();
    if (!manager) return nullptr;
    return std::unique_ptr<IpsecMbEngine>(new IpsecMbEngine(std::move(manager)));
}

void expand_common(KeyState& state, Suite suite, const SessionKeys& keys) noexcept {
    state.rtp_salt = keys.rtp.salt;
    state.rtcp_salt = keys.rtcp.salt;
    state.rtcp_key = keys.rtcp.key;
    if (suite == Suite::aes_cm_128_hmac_sha1_80) {
        const Aes128 cipher(keys.rtp.key);
        std::memcpy(state.rtp.cm.rtp_round_keys.data(), cipher.schedule(), state.rtp.cm.rtp_round_keys.size());
        state.rtp.cm.rtp_pads = pads_of(keys.rtp.auth);
        state.rtp.cm.rtcp_pads = pads_of(keys.rtcp.auth);
    }
    state.suite = suite;
}

void IpsecMbEngine::load(KeyState& state, Suite suite, const MasterKey& master) {
    if (suite == Suite::none || suite == Suite::plaintext) {
        state.suite = suite;
        return;
    }
    expand(state, suite, SessionKeys(suite, master));
}

void IpsecMbEngine::expand(KeyState& state, Suite suite, const SessionKeys& keys) noexcept {
    expand_common(state, suite, keys);
    state.maker = Backend::ipsec_mb;
    if (suite == Suite::aead_aes_128_gcm) {
        manager_->gcm128_pre(keys.rtp.key.data(), static_cast<gcm_key_data*>(static_cast<void*>(&state.rtp.gcm)));
    }
}

}  // namespace sluice::srtp
