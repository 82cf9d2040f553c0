// Frames that tell a link who we are without being asked: after a restart, neighbours whose requests nobody answered
// meanwhile would otherwise wait a second before they ask again.
#pragma once

#include <cstddef>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/ip_address.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice::wire {

inline constexpr std::size_t announcement_size = 14 + 4 + 40 + 32;  // at most

// A gratuitous ARP reply (RFC 5227 section 3) for an IPv4 address, an unsolicited neighbour advertisement with the override
// flag (RFC 4861 section 7.2.6) for an IPv6 one. `vlan` is the id of an 802.1Q tag, 0 for none. Returns its length, or 0
// when `out` is smaller than announcement_size.
[[nodiscard]] std::size_t write_announcement(const Mac& mac, const IpAddress& address, std::uint16_t vlan,
                                             ByteSpan out) noexcept;

}  // namespace sluice::wire
