// A peer's side of connectivity checks: requests as a controlling full agent makes them, with every part
// open to being spoiled.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ice/credentials.hpp"
#include "controlplane/ice/hmac.hpp"
#include "dataplane/wire/stun_writer.hpp"

namespace sluice::ice::test {

using Packet = std::vector<std::uint8_t>;

inline Endpoint at(const char* address, std::uint16_t port) {
    return {IpAddress::parse(address).value(), port};
}

inline const Credentials server{"SFUufrag", "serverpasswordserverpass"};
inline const Credentials peer{"peer", "peerpasswordpeerpassword"};

struct Check {
    std::optional<std::string> username = server.ufrag + ":" + peer.ufrag;
    std::string pwd = server.pwd;
    std::optional<std::uint32_t> priority = 0x6e001eff;  // a peer-reflexive candidate
    bool use_candidate = false;
    bool controlling = true;
    bool controlled = false;
    bool integrity = true;
    bool fingerprint = true;
    wire::StunType type = wire::StunType::binding_request;
    std::vector<std::uint16_t> extra{};  // types of additional, empty attributes

    [[nodiscard]] Packet build() const {
        std::array<std::uint8_t, 512> buffer{};
        wire::StunWriter writer(buffer, type, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
        if (username) writer.add_username(*username);
        for (std::uint16_t t : extra) writer.add_attribute(static_cast<wire::StunAttribute>(t), {});
        if (controlling) writer.add_ice_controlling(0x1122334455667788);
        if (controlled) writer.add_ice_controlled(0x1122334455667788);
        if (priority) writer.add_priority(*priority);
        if (use_candidate) writer.add_use_candidate();
        if (integrity) writer.add_message_integrity(StunHmac(pwd));
        if (fingerprint) writer.add_fingerprint();
        ByteView const bytes = writer.finish();
        return {bytes.begin(), bytes.end()};
    }
};

}  // namespace sluice::ice::test
