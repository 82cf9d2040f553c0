// The secure path to one peer: the first connectivity checks, the path that they choose, the DTLS handshake over it
// and the SRTP keys that come out.
//
// Theory of operation. No I/O: datagrams that workers punted go in, a Result comes out with what to send and what
// changed. A new peer is `checking` until a check verifies, `handshaking` until DTLS is done, then `connected`. The
// handshake itself is run by others (HandshakePool): when a result says so it is to be begun with take_handshake(), the
// peer's DTLS goes there while it is handshaking(), and what comes of it is given to handshake_led_to().
//
// Of a connected peer only a Remnant is left: our last flight is repeated when the peer repeats its own, since ours was
// lost, and its close_notify ends the session. Once validated the workers answer checks themselves and tell of new paths by
// events (path_moved). After a restart of this process a connected peer is resumed with its keys in the data plane: the DTLS
// connection is gone, so late handshake datagrams and alerts of such a peer are not understood and ignored; its silence
// still ends it. Handshake datagrams that come before the first check was verified are dropped: DTLS repeats them.
//
// Thread: the io thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ice/lite_agent.hpp"
#include "controlplane/session/handshake.hpp"
#include "controlplane/session/session_state.hpp"
#include "dataplane/abi/messages.hpp"

namespace sluice::session {

enum class PeerPhase : std::uint8_t { checking, handshaking, connected, ended };

struct PeerResult {
    using Output = session::Output;
    std::vector<Output> outputs;
    bool path_changed = false;           // path() is new: also the first one
    bool begin_handshake = false;        // with take_handshake()
    std::optional<dtls::SrtpKeys> keys;  // connected, now: send `outputs` when the keys are where they are needed, then
                                         // call flight_left()
    bool ended = false;                  // for `reason`
    std::string reason;
    ice::CheckVerdict verdict = ice::CheckVerdict::valid;
};

class Peer {
public:
    // A new session, or one whose handshake was not done when this process ended.
    Peer(std::shared_ptr<dtls::Context> context, const SessionState& state, const std::vector<Endpoint>& addresses,
         std::int64_t now_ns, std::size_t dtls_mtu = 1200);
    // A session that the data plane carries already. When it is handshaking() its handshake is to be begun.
    static Peer resume(std::shared_ptr<dtls::Context> context, const SessionState& state,
                       const std::vector<Endpoint>& addresses, const abi::FlowAddress& path, std::int64_t now_ns,
                       std::size_t dtls_mtu = 1200);

    [[nodiscard]] PeerResult receive_stun(ByteView datagram, const abi::FlowAddress& flow, std::int64_t now_ns);
    // Of a peer that is not handshaking().
    [[nodiscard]] PeerResult receive_dtls(ByteView datagram, const abi::FlowAddress& flow);
    [[nodiscard]] HandshakeSpec take_handshake();
    [[nodiscard]] PeerResult handshake_led_to(HandshakeResult result);
    // Our last flight is on its way: from now on it is repeated when it must be.
    void flight_left() noexcept { flight_left_ = true; }
    // Gives up a session that is not connected after 30 s.
    [[nodiscard]] PeerResult tick(std::int64_t now_ns);
    // A worker moved the path by itself.
    void path_moved(const abi::FlowAddress& flow, std::int64_t now_ns);
    // The outputs hold the close_notify.
    [[nodiscard]] PeerResult close();

    // New local credentials; the old ones are good until a check with the new ones is nominated.
    void restart_ice(ice::Credentials local);
    void set_remote(ice::Credentials remote) { agent_.set_remote(std::move(remote.ufrag), std::move(remote.pwd)); }
    [[nodiscard]] bool restarting() const noexcept { return agent_.restarting(); }

    [[nodiscard]] PeerPhase phase() const noexcept { return phase_; }
    [[nodiscard]] bool handshaking() const noexcept { return phase_ == PeerPhase::handshaking; }
    [[nodiscard]] bool validated() const noexcept { return !path_.empty(); }
    [[nodiscard]] const abi::FlowAddress& path() const noexcept { return path_; }

private:
    ice::LiteAgent agent_;
    HandshakeSpec handshake_;  // until it is begun
    PeerPhase phase_ = PeerPhase::checking;
    abi::FlowAddress path_;
    std::int64_t since_ns_ = 0;
    // Of a connected peer.
    dtls::Remnant remnant_;
    std::vector<std::vector<std::uint8_t>> last_flight_;
    bool flight_left_ = false;
    std::uint8_t repetitions_ = 0;
};

// The peer gives up after as many; whoever pretends to be it gets no more out of us than that.
inline constexpr std::uint8_t max_flight_repetitions = 12;
inline constexpr std::int64_t handshake_timeout_ns = 30'000'000'000;

// As the wire formats of the data plane have them.
[[nodiscard]] abi::CryptoSuite suite_of(dtls::SrtpProfile profile) noexcept;
void set_keys(abi::TransportSpec& spec, const dtls::SrtpKeys& keys) noexcept;

}  // namespace sluice::session
