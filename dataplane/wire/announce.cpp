#include "dataplane/wire/announce.hpp"

#include <algorithm>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"

namespace sluice::wire {

namespace {

// Returns the length of the header.
std::size_t write_l2(const Mac& to, const Mac& from, std::uint16_t vlan, std::uint16_t type, std::uint8_t* out) noexcept {
    store(out, EthernetHeader{to, from, be16(vlan != 0 ? ethertype_vlan : type)});
    if (vlan == 0) return sizeof(EthernetHeader);
    store(out + sizeof(EthernetHeader), VlanTag{be16(vlan), be16(type)});
    return sizeof(EthernetHeader) + sizeof(VlanTag);
}

}  // namespace

std::size_t write_announcement(const Mac& mac, const IpAddress& address, std::uint16_t vlan, ByteSpan out) noexcept {
    if (out.size() < announcement_size) return 0;
    if (address.is_v4()) {
        const std::size_t l2 = write_l2(Mac::broadcast(), mac, vlan, ethertype_arp, out.data());
        store(out.data() + l2, ArpPacket{be16(1), be16(ethertype_ipv4), 6, 4, be16(arp_reply), mac, address.v4(),
                                         Mac::broadcast(), address.v4()});
        return l2 + sizeof(ArpPacket);
    }
    constexpr decltype(IpAddress::bytes) all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};  // ff02::1
    constexpr Mac all_nodes_mac{{0x33, 0x33, 0, 0, 0, 1}};
    const std::size_t l2 = write_l2(all_nodes_mac, mac, vlan, ethertype_ipv6, out.data());
    Ipv6Header ip{};
    ip.version_class_flow = be32(6u << 28);
    ip.payload_length = be16(sizeof(NeighborAdvert));
    ip.next_header = protocol_icmp6;
    ip.hop_limit = 255;
    ip.source = address.bytes;
    ip.destination = all_nodes;
    NeighborAdvert advert{};
    advert.icmp.type = icmp6_neighbor_advert;
    advert.icmp.rest = be32(neighbor_override);
    advert.target = address.bytes;
    advert.option_type = 2;  // target link-layer address
    advert.option_length = 1;
    advert.target_mac = mac;
    advert.icmp.checksum = checksum_finish(
        checksum_add(pseudo_header6(ip.source, ip.destination, protocol_icmp6, sizeof advert), bytes_of(advert)));
    store(out.data() + l2, ip);
    store(out.data() + l2 + sizeof ip, advert);
    return l2 + sizeof ip + sizeof advert;
}

}  // namespace sluice::wire
