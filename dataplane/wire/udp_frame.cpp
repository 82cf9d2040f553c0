#include "dataplane/wire/udp_frame.hpp"

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/l2.hpp"

namespace sluice::wire {
namespace {

// Next headers that are extension headers (IANA), and AH.
bool is_extension_header(std::uint8_t next) noexcept {
    return next == 0 || next == 43 || next == 51 || next == 60 || next == 135 || next == 139 || next == 140;
}

// Fills in the IP layer and returns the length of the IP payload.
std::expected<std::size_t, FrameError> parse_ipv4(ByteView packet, UdpDatagram& out) noexcept {
    if (packet.size() < sizeof(Ipv4Header)) return std::unexpected(FrameError::truncated_ip);
    const auto ip = load<Ipv4Header>(packet.data());
    if (ip.version_length >> 4 != 4) return std::unexpected(FrameError::bad_ip_version);
    const std::size_t header = (ip.version_length & 0x0f) * std::size_t{4};
    const std::size_t total = ip.total_length.value();
    if (header < sizeof(Ipv4Header)) return std::unexpected(FrameError::bad_ip_header_length);
    if (total > packet.size()) return std::unexpected(FrameError::bad_ip_length);
    if (header > total) return std::unexpected(FrameError::bad_ip_header_length);
    if ((ip.fragment.value() & ipv4_fragment_mask) != 0) return std::unexpected(FrameError::fragment);
    if (ip.protocol != protocol_udp) return std::unexpected(FrameError::not_udp);
    out.source.address = IpAddress::from_v4(ip.source);
    out.destination.address = IpAddress::from_v4(ip.destination);
    out.ttl = ip.ttl;
    out.dscp = ip.tos >> 2;
    out.ecn = ip.tos & 3;
    out.l4_offset = static_cast<std::uint16_t>(out.l3_offset + header);
    return total - header;
}

std::expected<std::size_t, FrameError> parse_ipv6(ByteView packet, UdpDatagram& out) noexcept {
    if (packet.size() < sizeof(Ipv6Header)) return std::unexpected(FrameError::truncated_ip);
    const auto ip = load<Ipv6Header>(packet.data());
    const std::uint32_t first = ip.version_class_flow.value();
    if (first >> 28 != 6) return std::unexpected(FrameError::bad_ip_version);
    const std::size_t payload = ip.payload_length.value();
    if (payload > packet.size() - sizeof(Ipv6Header)) return std::unexpected(FrameError::bad_ip_length);
    if (ip.next_header == protocol_fragment6) return std::unexpected(FrameError::fragment);
    if (is_extension_header(ip.next_header)) return std::unexpected(FrameError::ipv6_extension_header);
    if (ip.next_header != protocol_udp) return std::unexpected(FrameError::not_udp);
    out.source.address = IpAddress::from_v6(ip.source);
    out.destination.address = IpAddress::from_v6(ip.destination);
    out.ttl = ip.hop_limit;
    out.dscp = static_cast<std::uint8_t>((first >> 22) & 0x3f);
    out.ecn = static_cast<std::uint8_t>((first >> 20) & 3);
    out.l4_offset = static_cast<std::uint16_t>(out.l3_offset + sizeof(Ipv6Header));
    return payload;
}

}  // namespace

std::expected<UdpDatagram, FrameError> parse_udp_frame(ByteView frame) noexcept {
    const auto l2 = parse_l2(frame);
    if (!l2) return std::unexpected(FrameError::truncated_ethernet);
    if (l2->type == ethertype_vlan && !l2->vlan) return std::unexpected(FrameError::truncated_vlan);

    UdpDatagram out;
    const auto ethernet = load<EthernetHeader>(frame.data());
    out.source_mac = ethernet.source;
    out.destination_mac = ethernet.destination;
    out.vlan = l2->vlan;
    out.l3_offset = l2->length;

    const bool v4 = l2->type == ethertype_ipv4;
    if (!v4 && l2->type != ethertype_ipv6) return std::unexpected(FrameError::not_ip);
    const ByteView packet = frame.subspan(l2->length);
    const auto ip_payload = v4 ? parse_ipv4(packet, out) : parse_ipv6(packet, out);
    if (!ip_payload) return std::unexpected(ip_payload.error());

    // A v4-mapped source inside an IPv6 packet would alias an IPv4 peer's key.
    const IpAddress& source = out.source.address;
    if (source.is_multicast() || source.is_broadcast() || source.is_unspecified() || (!v4 && source.is_v4())) {
        return std::unexpected(FrameError::source_not_unicast);
    }
    if (!v4 && out.destination.address.is_v4()) return std::unexpected(FrameError::bad_ip_version);

    if (*ip_payload < sizeof(UdpHeader)) return std::unexpected(FrameError::truncated_udp);
    const auto udp = load<UdpHeader>(frame.data() + out.l4_offset);
    const std::size_t length = udp.length.value();
    if (length < sizeof(UdpHeader) || length > *ip_payload) return std::unexpected(FrameError::bad_udp_length);
    out.source.port = udp.source.value();
    out.destination.port = udp.destination.value();
    if (out.source.port == 0 || out.destination.port == 0) return std::unexpected(FrameError::port_zero);
    out.payload_offset = static_cast<std::uint16_t>(out.l4_offset + sizeof(UdpHeader));
    out.payload_length = static_cast<std::uint16_t>(length - sizeof(UdpHeader));
    return out;
}

bool ip_checksum_valid(ByteView frame, const UdpDatagram& datagram) noexcept {
    if (!datagram.source.address.is_v4()) return true;
    const std::size_t length = datagram.l4_offset - std::size_t{datagram.l3_offset};
    return internet_checksum(frame.subspan(datagram.l3_offset, length)).raw() == 0;
}

bool udp_checksum_valid(ByteView frame, const UdpDatagram& datagram) noexcept {
    const ByteView udp = frame.subspan(datagram.l4_offset, sizeof(UdpHeader) + datagram.payload_length);
    const auto length = static_cast<std::uint16_t>(udp.size());
    const bool v4 = datagram.source.address.is_v4();
    if (load<UdpHeader>(udp.data()).checksum.raw() == 0) return v4;
    const std::uint64_t pseudo =
        v4 ? pseudo_header4(datagram.source.address.v4(), datagram.destination.address.v4(), protocol_udp, length)
           : pseudo_header6(datagram.source.address.bytes, datagram.destination.address.bytes, protocol_udp, length);
    return checksum_finish(checksum_add(pseudo, udp)).raw() == 0;
}

FrameClass classify_frame(ByteView frame) noexcept {
    const auto l2 = parse_l2(frame);
    if (!l2) return FrameClass::other;
    if (l2->type == ethertype_arp) return FrameClass::arp;
    const ByteView packet = frame.subspan(l2->length);

    if (l2->type == ethertype_ipv4 && packet.size() >= sizeof(Ipv4Header)) {
        const auto ip = load<Ipv4Header>(packet.data());
        const std::size_t header = (ip.version_length & 0x0f) * std::size_t{4};
        if (ip.version_length >> 4 != 4 || header < sizeof ip) return FrameClass::other;
        if ((ip.fragment.value() & ipv4_fragment_mask) != 0) return FrameClass::fragment;
        if (ip.protocol == protocol_udp) return FrameClass::udp;
        if (ip.protocol != protocol_icmp) return FrameClass::other;
        return packet.size() > header && packet[header] == icmp_echo_request ? FrameClass::icmp_echo
                                                                             : FrameClass::icmp_other;
    }
    if (l2->type == ethertype_ipv6 && packet.size() >= sizeof(Ipv6Header)) {
        const auto ip = load<Ipv6Header>(packet.data());
        if (ip.version_class_flow.value() >> 28 != 6) return FrameClass::other;
        if (ip.next_header == protocol_fragment6) return FrameClass::fragment;
        if (ip.next_header == protocol_udp) return FrameClass::udp;
        if (ip.next_header != protocol_icmp6) return FrameClass::other;
        if (packet.size() == sizeof ip) return FrameClass::icmp6_other;
        if (packet[sizeof ip] == icmp6_echo_request) return FrameClass::icmp6_echo;
        return packet[sizeof ip] == icmp6_neighbor_solicit ? FrameClass::neighbor_solicit : FrameClass::icmp6_other;
    }
    return FrameClass::other;
}

std::string_view to_string(FrameError error) noexcept {
    switch (error) {
        case FrameError::truncated_ethernet: return "truncated_ethernet";
        case FrameError::truncated_vlan: return "truncated_vlan";
        case FrameError::not_ip: return "not_ip";
        case FrameError::truncated_ip: return "truncated_ip";
        case FrameError::bad_ip_version: return "bad_ip_version";
        case FrameError::bad_ip_header_length: return "bad_ip_header_length";
        case FrameError::bad_ip_length: return "bad_ip_length";
        case FrameError::fragment: return "fragment";
        case FrameError::ipv6_extension_header: return "ipv6_extension_header";
        case FrameError::not_udp: return "not_udp";
        case FrameError::source_not_unicast: return "source_not_unicast";
        case FrameError::truncated_udp: return "truncated_udp";
        case FrameError::bad_udp_length: return "bad_udp_length";
        case FrameError::port_zero: return "port_zero";
    }
    return "unknown";
}

std::string_view to_string(FrameClass frame_class) noexcept {
    switch (frame_class) {
        case FrameClass::udp: return "udp";
        case FrameClass::arp: return "arp";
        case FrameClass::icmp_echo: return "icmp_echo";
        case FrameClass::icmp_other: return "icmp_other";
        case FrameClass::icmp6_echo: return "icmp6_echo";
        case FrameClass::neighbor_solicit: return "neighbor_solicit";
        case FrameClass::icmp6_other: return "icmp6_other";
        case FrameClass::fragment: return "fragment";
        case FrameClass::other: break;
    }
    return "other";
}

}  // namespace sluice::wire
