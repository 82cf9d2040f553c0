#include "controlplane/session/peer.hpp"

#include <utility>

namespace sluice::session {
namespace {

Endpoint remote_of(const abi::FlowAddress& flow) {
    return {{flow.remote_ip}, flow.remote_port};
}
Endpoint local_of(const abi::FlowAddress& flow) {
    return {{flow.local_ip}, flow.local_port};
}
ice::Pair pair_of(const abi::FlowAddress& flow) {
    return {local_of(flow), remote_of(flow)};
}

dtls::Role dtls_role(const SessionState& state) {
    return state.dtls_client ? dtls::Role::client : dtls::Role::server;
}

}  // namespace

Peer::Peer(dtls::Context& context, const SessionState& state, const std::vector<Endpoint>& addresses, std::int64_t now_ns,
           std::size_t dtls_mtu)
    : agent_(state.local, ice::host_candidates(addresses)),
      dtls_(std::in_place, context, dtls_role(state), state.fingerprints, dtls_mtu),
      since_ns_(now_ns) {
    agent_.set_remote(state.remote.ufrag, state.remote.pwd);
}

Peer Peer::resume(dtls::Context& context, const SessionState& state, const std::vector<Endpoint>& addresses,
                  const abi::FlowAddress& path, std::int64_t now_ns, std::size_t dtls_mtu) {
    Peer peer(context, state, addresses, now_ns, dtls_mtu);
    if (!path.empty()) peer.path_moved(path, now_ns);
    if (state.connected()) {
        peer.dtls_.reset();
        peer.phase_ = PeerPhase::connected;
    } else if (!path.empty() && peer.dtls_) {
        peer.phase_ = PeerPhase::handshaking;
        peer.dtls_->start();
    }
    return peer;
}

PeerResult Peer::receive_stun(ByteView datagram, const abi::FlowAddress& flow, std::int64_t now_ns) {
    PeerResult result;
    if (phase_ == PeerPhase::ended) return result;
    ice::CheckResult check = agent_.handle_check(datagram, remote_of(flow), now_ns, local_of(flow));
    result.verdict = check.verdict;
    const bool verified = check.verdict == ice::CheckVerdict::valid;
    if (!check.response.empty()) result.outputs.push_back({flow, std::move(check.response), verified});
    if (!verified) return result;

    const auto selected = agent_.selected();
    const bool chosen = check.selection_changed && selected && *selected == pair_of(flow);
    if ((path_.empty() || chosen) && path_ != flow) {
        path_ = flow;
        result.path_changed = true;
    }
    if (phase_ == PeerPhase::checking && dtls_) {
        phase_ = PeerPhase::handshaking;
        dtls_->start();
        drain(*dtls_, result, flow);
    }
    return result;
}

PeerResult Peer::receive_dtls(ByteView datagram, const abi::FlowAddress& flow) {
    PeerResult result;
    if (phase_ == PeerPhase::ended || phase_ == PeerPhase::checking || !dtls_) return result;
    dtls_flow_ = flow;
    dtls_->receive(datagram);
    drain(*dtls_, result, flow);
    return result;
}

PeerResult Peer::tick(std::int64_t now_ns) {
    PeerResult result;
    if ((phase_ != PeerPhase::checking && phase_ != PeerPhase::handshaking) || !dtls_) return result;
    if (now_ns - since_ns_ >= handshake_timeout_ns) {
        result.ended = true;
        result.reason = phase_ == PeerPhase::checking ? "no connectivity check came within 30 s"
                                                      : "the DTLS handshake was not done within 30 s";
        phase_ = PeerPhase::ended;
        return result;
    }
    if (const auto due = dtls_->next_timeout(); due && *due <= 0) {
        dtls_->handle_timeout();
        drain(*dtls_, result, dtls_flow_.empty() ? path_ : dtls_flow_);
    }
    return result;
}

void Peer::drain(dtls::Endpoint& dtls, PeerResult& result, const abi::FlowAddress& flow) {
    std::vector<std::uint8_t> datagram;
    while (dtls.take_output(datagram)) result.outputs.push_back({flow, std::move(datagram)});
    switch (dtls.state()) {
        case dtls::State::connecting: break;
        case dtls::State::connected:
            if (phase_ == PeerPhase::connected) break;
            phase_ = PeerPhase::connected;
            result.connected = true;
            break;
        case dtls::State::failed:
            phase_ = PeerPhase::ended;
            result.ended = true;
            result.reason = "DTLS failed: " + dtls.error();
            break;
        case dtls::State::closed:
            phase_ = PeerPhase::ended;
            result.ended = true;
            result.reason = "the peer closed the DTLS connection";
            break;
    }
}

void Peer::path_moved(const abi::FlowAddress& flow, std::int64_t now_ns) {
    path_ = flow;
    agent_.note_valid_check(pair_of(flow), 0, true, now_ns);
}

PeerResult Peer::close() {
    PeerResult result;
    const bool open = phase_ == PeerPhase::connected && dtls_.has_value();
    phase_ = PeerPhase::ended;
    if (!open) return result;
    dtls_->close();
    std::vector<std::uint8_t> datagram;
    while (dtls_->take_output(datagram)) result.outputs.push_back({path_, std::move(datagram)});
    return result;
}

void Peer::restart_ice(ice::Credentials local) {
    agent_.restart(std::move(local));
}

abi::CryptoSuite suite_of(dtls::SrtpProfile profile) noexcept {
    switch (profile) {
        case dtls::SrtpProfile::aead_aes_128_gcm: return abi::CryptoSuite::aead_aes_128_gcm;
        case dtls::SrtpProfile::aes128_cm_sha1_80: return abi::CryptoSuite::aes_cm_128_hmac_sha1_80;
    }
    return abi::CryptoSuite::none;
}

void set_keys(abi::TransportSpec& spec, const dtls::SrtpKeys& keys) noexcept {
    spec.suite = suite_of(keys.profile);
    spec.rx_key.key = keys.remote_key;
    spec.rx_key.salt = keys.remote_salt;
    spec.tx_key.key = keys.local_key;
    spec.tx_key.salt = keys.local_salt;
}

}  // namespace sluice::session
