// Builders of whole frames for the tests of this folder.
#pragma once

#include <vector>

#include "dataplane/base/endpoint.hpp"
#include "dataplane/wire/udp_template.hpp"

namespace sluice::wire::test {

using Bytes = std::vector<std::uint8_t>;

inline const Mac mac_a{{0x02, 0, 0, 0, 0, 0x0a}};
inline const Mac mac_b{{0x02, 0, 0, 0, 0, 0x0b}};

inline Endpoint endpoint(const char* text) {
    return Endpoint::parse(text).value();
}
inline IpAddress address(const char* text) {
    return IpAddress::parse(text).value();
}

inline UdpPath path4() {
    return {mac_a, mac_b, endpoint("192.0.2.1:4000"), endpoint("198.51.100.7:7882"), std::nullopt, 61, 46};
}
inline UdpPath path6() {
    return {mac_a, mac_b, endpoint("[2001:db8::1]:4000"), endpoint("[2001:db8::7]:7882"), std::nullopt, 61, 46};
}

inline Bytes frame_of(const UdpPath& path, const Bytes& payload) {
    const auto made = UdpTemplate::make(path).value();
    Bytes frame(made.header_length() + payload.size());
    std::copy(payload.begin(), payload.end(), frame.begin() + static_cast<std::ptrdiff_t>(made.header_length()));
    made.stamp(frame.data(), static_cast<std::uint16_t>(payload.size()));
    made.fill_udp_checksum(frame.data(), static_cast<std::uint16_t>(payload.size()));
    return frame;
}

}  // namespace sluice::wire::test
