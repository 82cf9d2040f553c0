// One DTLS handshake as it is run away from the io thread: what it is made of, and what its steps lead to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/dtls/endpoint.hpp"
#include "dataplane/abi/packet_ring.hpp"
#include "dataplane/abi/types.hpp"

namespace sluice::session {

struct HandshakeSpec {
    std::shared_ptr<dtls::Context> context;
    dtls::Role role = dtls::Role::server;
    dtls::Fingerprints expected;
    std::size_t mtu = 1200;
    abi::FlowAddress flow;  // where our first flight goes, in the client role
};

struct Output {
    abi::FlowAddress flow;
    std::vector<std::uint8_t> datagram;
    bool answers_check = false;  // one that verified: the flow is this peer's
};

struct HandshakeResult {
    abi::TransportId session = abi::TransportId::none;
    std::vector<Output> outputs;
    // When it is done: `outputs` is then our last flight, to leave when the keys are where they are needed. The library's
    // state is freed already.
    std::optional<dtls::SrtpKeys> keys;
    dtls::Remnant remnant;
    std::string error;  // when it failed
};

// Any thread, one at a time.
class Handshake {
public:
    Handshake(abi::TransportId session, const HandshakeSpec& spec);

    // Each gives what it led to; nothing when nobody need hear of it. After keys or an error this object is of no more use.
    std::optional<HandshakeResult> start();
    std::optional<HandshakeResult> receive(ByteView datagram, const abi::FlowAddress& flow);
    // Repeats a flight that is due.
    std::optional<HandshakeResult> tick();

private:
    std::optional<HandshakeResult> outcome();

    abi::TransportId session_;
    abi::FlowAddress flow_;
    dtls::Endpoint endpoint_;
};

}  // namespace sluice::session
