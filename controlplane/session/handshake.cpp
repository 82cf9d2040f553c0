#include "controlplane/session/handshake.hpp"

#include <utility>

namespace sluice::session {

Handshake::Handshake(abi::TransportId session, const HandshakeSpec& spec)
    : session_(session), flow_(spec.flow), endpoint_(*spec.context, spec.role, spec.expected, spec.mtu) {}

std::optional<HandshakeResult> Handshake::start() {
    endpoint_.start();
    return outcome();
}

std::optional<HandshakeResult> Handshake::receive(ByteView datagram, const abi::FlowAddress& flow) {
    flow_ = flow;
    endpoint_.receive(datagram);
    return outcome();
}

std::optional<HandshakeResult> Handshake::tick() {
    const auto due = endpoint_.next_timeout();
    if (!due || *due > 0) return std::nullopt;
    endpoint_.handle_timeout();
    return outcome();
}

std::optional<HandshakeResult> Handshake::outcome() {
    HandshakeResult result;
    result.session = session_;
    std::vector<std::uint8_t> datagram;
    while (endpoint_.take_output(datagram)) result.outputs.push_back({flow_, std::move(datagram)});
    switch (endpoint_.state()) {
        case dtls::State::connecting:
            if (result.outputs.empty()) return std::nullopt;
            break;
        case dtls::State::connected:
            result.keys = endpoint_.keys();
            if (auto left = endpoint_.release()) result.remnant = std::move(*left);
            break;
        case dtls::State::failed: result.error = "DTLS failed: " + endpoint_.error(); break;
        case dtls::State::closed: result.error = "the peer closed the DTLS connection"; break;
    }
    return result;
}

}  // namespace sluice::session
