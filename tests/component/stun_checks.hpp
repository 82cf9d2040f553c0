// Connectivity checks as a peer sends them.
#pragma once

#include <string_view>

#include "dataplane/srtp/hmac.hpp"
#include "dataplane/wire/stun_writer.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {

inline constexpr std::string_view password = "passwordpasswordpassword";

inline Frame check(std::string_view username, std::string_view with_password = password, bool use_candidate = true) {
    Frame out(256);
    srtp::HmacSha1Key key;
    key.init({reinterpret_cast<const std::uint8_t*>(with_password.data()), with_password.size()});
    const auto hmac = [&](std::span<const ByteView> parts, std::uint8_t* mac) { srtp::hmac_sha1(key.pads, parts, mac); };
    wire::StunWriter w(out, wire::StunType::binding_request, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    w.add_username(username);
    w.add_ice_controlling(77);
    w.add_priority(1);
    if (use_candidate) w.add_use_candidate();
    w.add_message_integrity(hmac);
    w.add_fingerprint();
    const ByteView done = w.finish();
    return {done.begin(), done.end()};
}

inline abi::PacketRingConsumer punt_ring(Harness& h, abi::PuntClass c, unsigned worker = 0) {
    return {h.plane().rings().data() + abi::RingLayout::punt(worker, c), abi::RingLayout::slots};
}

// Of packets that go to a viewer, those that are no RTCP.
inline std::size_t media_packets(const std::vector<Frame>& payloads) {
    std::size_t count = 0;
    for (const Frame& p : payloads) count += !(p.size() >= 2 && p[1] >= 192 && p[1] <= 223);
    return count;
}

}  // namespace sluice::test
