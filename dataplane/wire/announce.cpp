#include "dataplane/wire/announce.hpp"

#include <algorithm>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"

namespace sluice::wire {

std::size_t write_announcement(const Mac& mac, const IpAddress& address, ByteSpan out) noexcept {
    if (out.size() < announcement_size) return 0;
    if (address.is_v4()) {
        store(out.data(), EthernetHeader{Mac::broadcast(), mac, be16(ethertype_arp)});
        store(out.data() + sizeof(EthernetHeader), ArpPacket{be16(1), be16(ethertype_ipv4), 6, 4, be16(arp_reply), mac,
                                                             address.v4(), Mac::broadcast(), address.v4()});
        return sizeof(EthernetHeader) + sizeof(ArpPacket);
    }
    const auto all_nodes = IpAddress::parse("ff02::1")->bytes;
    constexpr Mac all_nodes_mac{{0x33, 0x33, 0, 0, 0, 1}};
    store(out.data(), EthernetHeader{all_nodes_mac, mac, be16(ethertype_ipv6)});
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
    store(out.data() + sizeof(EthernetHeader), ip);
    store(out.data() + sizeof(EthernetHeader) + sizeof ip, advert);
    return announcement_size;
}

}  // namespace sluice::wire
