#include "dataplane/wire/responder.hpp"

#include <algorithm>
#include <optional>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/l2.hpp"

namespace sluice::wire {
namespace {

constexpr std::uint8_t reply_hop_limit = 64;
constexpr std::uint8_t neighbor_hop_limit = 255;  // RFC 4861 section 7.1.1: proves that no router was passed
constexpr std::uint8_t target_address_option = 2;

std::unexpected<ReplyError> refuse(ReplyError error) noexcept {
    return std::unexpected(error);
}

// Ethernet header back to where the request came from, with its VLAN tag.
void write_l2(ByteView request, const L2& l2, const Mac& from, const Mac& to, ByteSpan out) noexcept {
    std::ranges::copy(request.first(l2.length), out.begin());
    auto header = load<EthernetHeader>(request.data());
    header.destination = to;
    header.source = from;
    store(out.data(), header);
}

// A station's own address; a reply to anything else could be used to flood a group.
bool can_answer(const Mac& mac) noexcept {
    return !mac.is_multicast() && !mac.is_zero();
}

struct Icmp6Request {
    L2 l2;
    Ipv6Header ip;
    ByteView message;
};

std::expected<Icmp6Request, ReplyError> parse_icmp6(ByteView request, std::uint8_t type, std::size_t minimum) noexcept {
    const auto l2 = parse_l2(request);
    if (!l2 || l2->type != ethertype_ipv6) return refuse(ReplyError::not_a_request);
    const ByteView packet = request.subspan(l2->length);
    if (packet.size() < sizeof(Ipv6Header) + sizeof(IcmpHeader)) return refuse(ReplyError::malformed);
    const auto ip = load<Ipv6Header>(packet.data());
    if (ip.version_class_flow.value() >> 28 != 6) return refuse(ReplyError::malformed);
    if (ip.next_header != protocol_icmp6 || packet[sizeof ip] != type) return refuse(ReplyError::not_a_request);
    const std::size_t length = ip.payload_length.value();
    if (length < minimum || length > packet.size() - sizeof ip || packet[sizeof ip + 1] != 0) {
        return refuse(ReplyError::malformed);
    }
    if (!can_answer(load<EthernetHeader>(request.data()).source)) return refuse(ReplyError::malformed);
    const ByteView message = packet.subspan(sizeof ip, length);
    const std::uint64_t pseudo =
        pseudo_header6(ip.source, ip.destination, protocol_icmp6, static_cast<std::uint32_t>(length));
    if (checksum_finish(checksum_add(pseudo, message)).raw() != 0) return refuse(ReplyError::bad_checksum);
    return Icmp6Request{*l2, ip, message};
}

Ipv6Header ipv6_header(const std::array<std::uint8_t, 16>& from, const std::array<std::uint8_t, 16>& to,
                       std::size_t payload_length, std::uint8_t hop_limit) noexcept {
    return {be32{0x60000000}, be16{static_cast<std::uint16_t>(payload_length)}, protocol_icmp6, hop_limit, from, to};
}

// The message stands behind the IPv6 header with its checksum field zero.
void seal_icmp6(const Ipv6Header& ip, ByteSpan message) noexcept {
    const std::uint64_t pseudo = pseudo_header6(ip.source, ip.destination, protocol_icmp6, ip.payload_length.value());
    store(message.data() + offsetof(IcmpHeader, checksum), checksum_finish(checksum_add(pseudo, message)));
}

}  // namespace

bool HostIdentity::owns(const IpAddress& address) const noexcept {
    return std::ranges::find(addresses, address) != addresses.end();
}

ReplyLength write_arp_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept {
    const auto l2 = parse_l2(request);
    if (!l2 || l2->type != ethertype_arp) return refuse(ReplyError::not_a_request);
    if (request.size() < l2->length + sizeof(ArpPacket)) return refuse(ReplyError::malformed);
    const auto arp = load<ArpPacket>(request.data() + l2->length);
    if (arp.hardware_type.value() != 1 || arp.protocol_type.value() != ethertype_ipv4 || arp.hardware_length != 6 ||
        arp.protocol_length != 4 || !can_answer(arp.sender_mac)) {
        return refuse(ReplyError::malformed);
    }
    if (arp.operation.value() != arp_request) return refuse(ReplyError::not_a_request);
    if (!host.owns(IpAddress::from_v4(arp.target_address))) return refuse(ReplyError::not_for_us);
    const std::size_t length = l2->length + sizeof(ArpPacket);
    if (out.size() < length) return refuse(ReplyError::buffer_too_small);

    write_l2(request, *l2, host.mac, arp.sender_mac, out);
    ArpPacket reply = arp;
    reply.operation = be16{arp_reply};
    reply.sender_mac = host.mac;
    reply.sender_address = arp.target_address;
    reply.target_mac = arp.sender_mac;
    reply.target_address = arp.sender_address;
    store(out.data() + l2->length, reply);
    return length;
}

ReplyLength write_icmp_echo_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept {
    const auto l2 = parse_l2(request);
    if (!l2 || l2->type != ethertype_ipv4) return refuse(ReplyError::not_a_request);
    const ByteView packet = request.subspan(l2->length);
    if (packet.size() < sizeof(Ipv4Header)) return refuse(ReplyError::malformed);
    const auto ip = load<Ipv4Header>(packet.data());
    const std::size_t header = (ip.version_length & 0x0f) * std::size_t{4};
    const std::size_t total = ip.total_length.value();
    if (ip.version_length >> 4 != 4 || header < sizeof ip || total > packet.size() || total < header + sizeof(IcmpHeader)) {
        return refuse(ReplyError::malformed);
    }
    const ByteView message = packet.subspan(header, total - header);
    if (ip.protocol != protocol_icmp || (ip.fragment.value() & ipv4_fragment_mask) != 0 || message[0] != icmp_echo_request) {
        return refuse(ReplyError::not_a_request);
    }
    const Mac peer = load<EthernetHeader>(request.data()).source;
    if (message[1] != 0 || !can_answer(peer)) return refuse(ReplyError::malformed);
    if (!host.owns(IpAddress::from_v4(ip.destination))) return refuse(ReplyError::not_for_us);
    if (internet_checksum(packet.first(header)).raw() != 0 || internet_checksum(message).raw() != 0) {
        return refuse(ReplyError::bad_checksum);
    }
    const std::size_t length = l2->length + sizeof(Ipv4Header) + message.size();
    if (out.size() < length) return refuse(ReplyError::buffer_too_small);

    write_l2(request, *l2, host.mac, peer, out);
    Ipv4Header reply = ip;
    reply.version_length = 0x45;  // options are not returned
    reply.total_length = be16{static_cast<std::uint16_t>(sizeof reply + message.size())};
    reply.identification = be16{0};
    reply.fragment = be16{ipv4_dont_fragment};
    reply.ttl = reply_hop_limit;
    reply.checksum = be16{0};
    reply.source = ip.destination;
    reply.destination = ip.source;
    reply.checksum = internet_checksum(bytes_of(reply));
    store(out.data() + l2->length, reply);

    const ByteSpan body = out.subspan(l2->length + sizeof reply, message.size());
    std::ranges::copy(message, body.begin());
    body[0] = icmp_echo_reply;
    store(body.data() + offsetof(IcmpHeader, checksum), be16{0});
    store(body.data() + offsetof(IcmpHeader, checksum), internet_checksum(body));
    return length;
}

ReplyLength write_icmp6_echo_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept {
    const auto parsed = parse_icmp6(request, icmp6_echo_request, sizeof(IcmpHeader));
    if (!parsed) return refuse(parsed.error());
    const auto& [l2, ip, message] = *parsed;
    if (!host.owns(IpAddress::from_v6(ip.destination))) return refuse(ReplyError::not_for_us);
    const IpAddress peer = IpAddress::from_v6(ip.source);
    if (peer.is_unspecified() || peer.is_multicast()) return refuse(ReplyError::malformed);
    const std::size_t length = l2.length + sizeof(Ipv6Header) + message.size();
    if (out.size() < length) return refuse(ReplyError::buffer_too_small);

    write_l2(request, l2, host.mac, load<EthernetHeader>(request.data()).source, out);
    const Ipv6Header reply = ipv6_header(ip.destination, ip.source, message.size(), reply_hop_limit);
    store(out.data() + l2.length, reply);
    const ByteSpan body = out.subspan(l2.length + sizeof reply, message.size());
    std::ranges::copy(message, body.begin());
    body[0] = icmp6_echo_reply;
    store(body.data() + offsetof(IcmpHeader, checksum), be16{0});
    seal_icmp6(reply, body);
    return length;
}

ReplyLength write_neighbor_advert(ByteView request, const HostIdentity& host, ByteSpan out) noexcept {
    const auto parsed = parse_icmp6(request, icmp6_neighbor_solicit, sizeof(NeighborSolicit));
    if (!parsed) return refuse(parsed.error());
    const auto& [l2, ip, message] = *parsed;
    const auto solicit = load<NeighborSolicit>(message.data());
    const IpAddress target = IpAddress::from_v6(solicit.target);
    if (ip.hop_limit != neighbor_hop_limit || target.is_multicast()) return refuse(ReplyError::malformed);
    if (!host.owns(target)) return refuse(ReplyError::not_for_us);
    const std::size_t length = l2.length + sizeof(Ipv6Header) + sizeof(NeighborAdvert);
    if (out.size() < length) return refuse(ReplyError::buffer_too_small);

    const IpAddress peer = IpAddress::from_v6(ip.source);
    if (peer.is_multicast()) return refuse(ReplyError::malformed);
    const bool probe = peer.is_unspecified();
    constexpr std::array<std::uint8_t, 16> all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    constexpr Mac all_nodes_mac{{0x33, 0x33, 0, 0, 0, 1}};
    write_l2(request, l2, host.mac, probe ? all_nodes_mac : load<EthernetHeader>(request.data()).source, out);
    const Ipv6Header reply =
        ipv6_header(solicit.target, probe ? all_nodes : ip.source, sizeof(NeighborAdvert), neighbor_hop_limit);
    store(out.data() + l2.length, reply);

    const std::uint32_t flags = neighbor_override | (probe ? 0 : neighbor_solicited);
    const NeighborAdvert advert{
        {icmp6_neighbor_advert, 0, be16{0}, be32{flags}}, solicit.target, target_address_option, 1, host.mac};
    const ByteSpan body = out.subspan(l2.length + sizeof reply, sizeof advert);
    store(body.data(), advert);
    seal_icmp6(reply, body);
    return length;
}

ReplyLength write_reply(ByteView request, const HostIdentity& host, ByteSpan out) noexcept {
    const auto l2 = parse_l2(request);
    if (!l2) return refuse(ReplyError::malformed);
    if (l2->type == ethertype_arp) return write_arp_reply(request, host, out);
    if (l2->type == ethertype_ipv4) return write_icmp_echo_reply(request, host, out);
    const auto echo = write_icmp6_echo_reply(request, host, out);
    if (echo || echo.error() != ReplyError::not_a_request) return echo;
    return write_neighbor_advert(request, host, out);
}

std::string_view to_string(ReplyError error) noexcept {
    switch (error) {
        case ReplyError::not_a_request: return "not_a_request";
        case ReplyError::malformed: return "malformed";
        case ReplyError::bad_checksum: return "bad_checksum";
        case ReplyError::not_for_us: return "not_for_us";
        case ReplyError::buffer_too_small: return "buffer_too_small";
    }
    return "unknown";
}

}  // namespace sluice::wire
