// Answers to ARP, ICMP echo and neighbour solicitation, for ports whose address is not the kernel's.
// Each function reads a request frame and writes the whole reply frame, VLAN tag kept, into the
// caller's buffer; request and buffer must not overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/ip_address.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice::wire {

enum class ReplyError : std::uint8_t {
    not_a_request,  // another kind of frame, or one that is no request
    malformed,
    bad_checksum,
    not_for_us,
    buffer_too_small,
};
[[nodiscard]] std::string_view to_string(ReplyError error) noexcept;

// What a port answers for. The addresses may be of both families.
struct HostIdentity {
    Mac mac;
    std::span<const IpAddress> addresses;

    [[nodiscard]] bool owns(const IpAddress& address) const noexcept;
};

using ReplyLength = std::expected<std::size_t, ReplyError>;

[[nodiscard]] ReplyLength write_arp_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept;
[[nodiscard]] ReplyLength write_icmp_echo_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept;
[[nodiscard]] ReplyLength write_icmp6_echo_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept;
// Also answers duplicate-address detection (unspecified source), to all nodes (RFC 4861 section 7.2.4).
[[nodiscard]] ReplyLength write_neighbor_advert(ByteView request, const HostIdentity& host, ByteSpan out) noexcept;

// Whichever of the four fits the frame.
[[nodiscard]] ReplyLength write_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept;

}  // namespace sluice::wire
