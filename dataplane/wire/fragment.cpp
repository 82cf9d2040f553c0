#include "dataplane/wire/fragment.hpp"

#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/l2.hpp"

namespace sluice::wire {
namespace {

// RFC 8200 section 4.5.
struct FragmentHeader6 {
    std::uint8_t next_header;
    std::uint8_t reserved;
    be16 offset_more;  // 13 bits of offset in 8-byte units, 2 reserved, M
    be32 id;
};
static_assert(sizeof(FragmentHeader6) == 8);

bool parse4(ByteView packet, Fragment& out) noexcept {
    if (packet.size() < sizeof(Ipv4Header)) return false;
    const auto ip = load<Ipv4Header>(packet.data());
    const std::size_t header = (ip.version_length & 0x0f) * std::size_t{4};
    const std::size_t total = ip.total_length.value();
    const std::uint16_t bits = ip.fragment.value();
    if (ip.version_length >> 4 != 4 || header < sizeof ip || total < header || total > packet.size()) return false;
    if ((bits & ipv4_fragment_mask) == 0) return false;
    out.source = IpAddress::from_v4(ip.source);
    out.destination = IpAddress::from_v4(ip.destination);
    out.id = ip.identification.value();
    out.protocol = ip.protocol;
    out.more = (bits & 0x2000) != 0;
    out.offset = static_cast<std::uint16_t>((bits & 0x1fff) * 8);
    out.l3_length = static_cast<std::uint16_t>(header);
    out.header_length = static_cast<std::uint16_t>(header);
    out.length = static_cast<std::uint16_t>(total - header);
    return true;
}

bool parse6(ByteView packet, Fragment& out) noexcept {
    constexpr std::size_t headers = sizeof(Ipv6Header) + sizeof(FragmentHeader6);
    if (packet.size() < headers) return false;
    const auto ip = load<Ipv6Header>(packet.data());
    const auto fragment = load<FragmentHeader6>(packet.data() + sizeof ip);
    const std::size_t payload = ip.payload_length.value();
    if (ip.version_class_flow.value() >> 28 != 6 || ip.next_header != protocol_fragment6) return false;
    if (payload < sizeof fragment || payload > packet.size() - sizeof ip) return false;
    out.source = IpAddress::from_v6(ip.source);
    out.destination = IpAddress::from_v6(ip.destination);
    out.id = fragment.id.value();
    out.protocol = fragment.next_header;
    out.more = (fragment.offset_more.value() & 1) != 0;
    out.offset = fragment.offset_more.value() & 0xfff8;
    out.l3_length = headers;
    out.length = static_cast<std::uint16_t>(payload - sizeof fragment);
    // A v4-mapped address inside an IPv6 packet would alias an IPv4 peer's datagram.
    return !out.source.is_v4() && !out.destination.is_v4();
}

}  // namespace

std::optional<Fragment> parse_fragment(ByteView frame) noexcept {
    const auto l2 = parse_l2(frame);
    if (!l2) return std::nullopt;
    Fragment out;
    out.l2_length = l2->length;
    const ByteView packet = frame.subspan(l2->length);
    const bool parsed = l2->type == ethertype_ipv4   ? parse4(packet, out)
                        : l2->type == ethertype_ipv6 ? parse6(packet, out)
                                                     : false;
    if (!parsed || out.length == 0 || (out.more && out.length % 8 != 0) || out.end() > 65'535) return std::nullopt;
    if (out.source.is_multicast() || out.source.is_broadcast() || out.source.is_unspecified()) return std::nullopt;
    return out;
}

}  // namespace sluice::wire
