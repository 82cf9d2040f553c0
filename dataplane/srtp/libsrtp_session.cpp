#include "dataplane/srtp/libsrtp_session.hpp"

#include <algorithm>

#include "dataplane/srtp/replay.hpp"

namespace sluice::srtp {
namespace {

// Retransmissions up to this far back can be sealed again.
constexpr unsigned long window_packets = 4096;

}  // namespace

LibsrtpSession::LibsrtpSession(Suite suite, const MasterKey& master) noexcept : suite_(suite) {
    const auto salt = std::ranges::copy(master.key, master_.begin()).out;
    std::copy_n(master.salt.begin(), suite == Suite::aead_aes_128_gcm ? 12 : 14, salt);
}

LibsrtpSession::~LibsrtpSession() {
    if (session_ != nullptr) srtp_dealloc(session_);
    secure_zero(master_.data(), master_.size());
}

std::unique_ptr<LibsrtpSession> LibsrtpSession::make(Suite suite, const MasterKey& master) {
    std::unique_ptr<LibsrtpSession> made(new LibsrtpSession(suite, master));
    if (srtp_create(&made->session_, nullptr) != srtp_err_status_ok) return nullptr;
    return made;
}

LibsrtpSession::Stream* LibsrtpSession::stream(std::uint32_t ssrc) {
    if (const auto found = streams_.find(ssrc); found != streams_.end()) return &found->second;
    srtp_policy_t policy{};
    if (suite_ == Suite::aead_aes_128_gcm) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    }
    policy.rtcp = policy.rtp;
    policy.ssrc = {ssrc_specific, ssrc};
    policy.key = master_.data();
    policy.window_size = window_packets;
    policy.allow_repeat_tx = 1;
    if (srtp_add_stream(session_, &policy) != srtp_err_status_ok) return nullptr;
    return &streams_[ssrc];
}

bool LibsrtpSession::prepare_rtcp(std::uint32_t ssrc) {
    return stream(ssrc) != nullptr;
}

bool LibsrtpSession::prepare_rtp(std::uint32_t ssrc, std::uint64_t index) {
    const Stream* known = stream(ssrc);
    if (known == nullptr) return false;
    const auto roc = static_cast<std::uint32_t>(index >> 16);
    if (roc == 0 && guess_index(known->highest_index, static_cast<std::uint16_t>(index)) != index) return false;
    return srtp_set_stream_roc(session_, ssrc, roc) == srtp_err_status_ok;
}

void LibsrtpSession::succeeded(std::uint32_t ssrc, std::optional<std::uint64_t> rtp_index) {
    const auto found = streams_.find(ssrc);
    if (found == streams_.end()) return;
    found->second.proven = true;
    if (rtp_index) found->second.highest_index = std::max(found->second.highest_index, *rtp_index);
}

void LibsrtpSession::failed(std::uint32_t ssrc) {
    const auto found = streams_.find(ssrc);
    if (found == streams_.end() || found->second.proven) return;
    srtp_remove_stream(session_, ssrc);
    streams_.erase(found);
}

}  // namespace sluice::srtp
