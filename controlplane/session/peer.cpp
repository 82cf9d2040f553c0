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

Peer::Peer(std::shared_ptr<dtls::Context> context, const SessionState& state, const std::vector<Endpoint>& addresses,
           std::int64_t now_ns, std::size_t dtls_mtu)
    : agent_(state.local, ice::host_candidates(addresses)),
      handshake_{std::move(context), dtls_role(state), state.fingerprints, dtls_mtu, {}},
      since_ns_(now_ns) {
    agent_.set_remote(state.remote.ufrag, state.remote.pwd);
}

Peer Peer::resume(std::shared_ptr<dtls::Context> context, const SessionState& state, const std::vector<Endpoint>& addresses,
                  const abi::FlowAddress& path, std::int64_t now_ns, std::size_t dtls_mtu) {
    Peer peer(std::move(context), state, addresses, now_ns, dtls_mtu);
    if (!path.empty()) peer.path_moved(path, now_ns);
    if (state.connected()) {
        peer.handshake_ = {};
        peer.phase_ = PeerPhase::connected;
    } else if (!path.empty()) {
        peer.phase_ = PeerPhase::handshaking;
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
    if (phase_ == PeerPhase::checking) {
        phase_ = PeerPhase::handshaking;
        result.begin_handshake = true;
    }
    return result;
}

HandshakeSpec Peer::take_handshake() {
    HandshakeSpec spec = std::exchange(handshake_, {});
    spec.flow = path_;
    return spec;
}

PeerResult Peer::handshake_led_to(HandshakeResult led) {
    PeerResult result;
    if (phase_ != PeerPhase::handshaking) return result;
    result.outputs = std::move(led.outputs);
    if (led.keys) {
        phase_ = PeerPhase::connected;
        result.keys = std::move(led.keys);
        remnant_ = std::move(led.remnant);
        for (const Output& output : result.outputs) last_flight_.push_back(output.datagram);
    } else if (!led.error.empty()) {
        phase_ = PeerPhase::ended;
        result.ended = true;
        result.reason = std::move(led.error);
    }
    return result;
}

PeerResult Peer::receive_dtls(ByteView datagram, const abi::FlowAddress& flow) {
    PeerResult result;
    if (phase_ != PeerPhase::connected) return result;
    switch (remnant_.read(datagram)) {
        case dtls::Remnant::Says::nothing: break;
        case dtls::Remnant::Says::repeats_its_flight:
            if (!flight_left_ || repetitions_ == max_flight_repetitions) break;
            ++repetitions_;
            for (const auto& d : last_flight_) result.outputs.push_back({flow, d});
            break;
        case dtls::Remnant::Says::closed:
            phase_ = PeerPhase::ended;
            result.ended = true;
            result.reason = "the peer closed the DTLS connection";
            break;
    }
    return result;
}

PeerResult Peer::tick(std::int64_t now_ns) {
    PeerResult result;
    if (phase_ != PeerPhase::checking && phase_ != PeerPhase::handshaking) return result;
    if (now_ns - since_ns_ < handshake_timeout_ns) return result;
    result.ended = true;
    result.reason = phase_ == PeerPhase::checking ? "no connectivity check came within 30 s"
                                                  : "the DTLS handshake was not done within 30 s";
    phase_ = PeerPhase::ended;
    return result;
}

void Peer::path_moved(const abi::FlowAddress& flow, std::int64_t now_ns) {
    path_ = flow;
    agent_.note_valid_check(pair_of(flow), 0, true, now_ns);
}

PeerResult Peer::close() {
    PeerResult result;
    const bool open = phase_ == PeerPhase::connected;
    phase_ = PeerPhase::ended;
    if (open && !remnant_.farewell().empty()) result.outputs.push_back({path_, remnant_.farewell()});
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
