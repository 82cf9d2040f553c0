#include "dataplane/wire/udp_template.hpp"

#include <cassert>

namespace sluice::wire {

std::expected<UdpTemplate, UdpPathError> UdpTemplate::make(const UdpPath& path) noexcept {
    const bool v6 = !path.source.address.is_v4();
    if (v6 == path.destination.address.is_v4()) return std::unexpected(UdpPathError::mixed_families);
    if (path.source.port == 0 || path.destination.port == 0) return std::unexpected(UdpPathError::port_zero);
    if (path.vlan && *path.vlan > 4095) return std::unexpected(UdpPathError::bad_vlan);
    if (path.ttl == 0) return std::unexpected(UdpPathError::bad_ttl);
    if (path.dscp > 63) return std::unexpected(UdpPathError::bad_dscp);

    UdpTemplate out;
    out.is_v6_ = v6;
    std::uint8_t* at = out.bytes_.data();
    const be16 type{v6 ? ethertype_ipv6 : ethertype_ipv4};
    store(at, EthernetHeader{path.destination_mac, path.source_mac, path.vlan ? be16{ethertype_vlan} : type});
    at += sizeof(EthernetHeader);
    if (path.vlan) {
        store(at, VlanTag{be16{*path.vlan}, type});
        at += sizeof(VlanTag);
    }
    out.l2_length_ = static_cast<std::uint8_t>(at - out.bytes_.data());

    if (v6) {
        const std::uint32_t traffic_class = static_cast<std::uint32_t>(path.dscp) << 2;
        store(at, Ipv6Header{be32{0x60000000U | traffic_class << 20}, be16{0}, protocol_udp, path.ttl,
                             path.source.address.bytes, path.destination.address.bytes});
        out.pseudo_sum_ =
            checksum_fold(pseudo_header6(path.source.address.bytes, path.destination.address.bytes, protocol_udp, 0));
        at += sizeof(Ipv6Header);
    } else {
        const Ipv4Header ip{.version_length = 0x45,
                            .tos = static_cast<std::uint8_t>(path.dscp << 2),
                            .total_length = be16{0},
                            .identification = be16{0},
                            .fragment = be16{ipv4_dont_fragment},
                            .ttl = path.ttl,
                            .protocol = protocol_udp,
                            .checksum = be16{0},
                            .source = path.source.address.v4(),
                            .destination = path.destination.address.v4()};
        store(at, ip);
        out.ip_sum_ = checksum_fold(checksum_add(0, bytes_of(ip)));
        out.pseudo_sum_ = checksum_fold(pseudo_header4(ip.source, ip.destination, protocol_udp, 0));
        at += sizeof(Ipv4Header);
    }
    store(at, UdpHeader{be16{path.source.port}, be16{path.destination.port}, be16{0}, be16{0}});
    at += sizeof(UdpHeader);
    out.header_length_ = static_cast<std::uint8_t>(at - out.bytes_.data());
    return out;
}

void UdpTemplate::stamp(std::uint8_t* destination, std::uint16_t payload_length) const noexcept {
    // Constant sizes, so that each copy is a handful of vector moves.
    switch (header_length_) {
        case 42: std::memcpy(destination, bytes_.data(), 42); break;
        case 46: std::memcpy(destination, bytes_.data(), 46); break;
        case 62: std::memcpy(destination, bytes_.data(), 62); break;
        case 66: std::memcpy(destination, bytes_.data(), 66); break;
        default: assert(!"a default template was stamped"); return;
    }
    const be16 udp{udp_length(payload_length)};
    std::uint8_t* ip = destination + l2_length_;
    if (is_v6_) {
        store(ip + offsetof(Ipv6Header, payload_length), udp);
    } else {
        const be16 total{static_cast<std::uint16_t>(sizeof(Ipv4Header) + udp.value())};
        store(ip + offsetof(Ipv4Header, total_length), total);
        store(ip + offsetof(Ipv4Header, checksum), checksum_finish(std::uint64_t{ip_sum_} + total.raw()));
    }
    store(destination + header_length_ - sizeof(UdpHeader) + offsetof(UdpHeader, length), udp);
}

void UdpTemplate::fill_udp_checksum(std::uint8_t* frame, std::uint16_t payload_length) const noexcept {
    const std::uint16_t length = udp_length(payload_length);
    std::uint8_t* udp = frame + header_length_ - sizeof(UdpHeader);
    store(frame + checksum_offset(), be16{0});
    const std::uint64_t sum = checksum_add(std::uint64_t{pseudo_sum_} + be16{length}.raw(), ByteView{udp, length});
    store(frame + checksum_offset(), checksum_finish_udp(sum));
}

std::string_view to_string(UdpPathError error) noexcept {
    switch (error) {
        case UdpPathError::mixed_families: return "mixed_families";
        case UdpPathError::port_zero: return "port_zero";
        case UdpPathError::bad_vlan: return "bad_vlan";
        case UdpPathError::bad_ttl: return "bad_ttl";
        case UdpPathError::bad_dscp: return "bad_dscp";
    }
    return "unknown";
}

}  // namespace sluice::wire
