// 802.1Q: whatever came with a tag is answered with the same tag, on every path out of a worker.

#include <cstring>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/stun.hpp"
#include "dataplane/wire/stun_writer.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

constexpr std::uint16_t vlan = 42;

Frame stun_check(std::string_view username, bool with_integrity = true) {
    constexpr std::string_view password = "passwordpasswordpassword";
    Frame out(256);
    srtp::HmacSha1Key key;
    key.init({reinterpret_cast<const std::uint8_t*>(password.data()), password.size()});
    wire::StunWriter w(out, wire::StunType::binding_request, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    w.add_username(username);
    w.add_ice_controlling(77);
    w.add_priority(1);
    if (with_integrity) {
        w.add_message_integrity(
            [&](std::span<const ByteView> parts, std::uint8_t* mac) { srtp::hmac_sha1(key.pads, parts, mac); });
    }
    w.add_fingerprint();
    const ByteView done = w.finish();
    return {done.begin(), done.end()};
}

std::optional<std::uint16_t> tag_of(const Frame& frame) {
    if (load<wire::EthernetHeader>(frame.data()).type.value() != wire::ethertype_vlan) return std::nullopt;
    return static_cast<std::uint16_t>(load<wire::VlanTag>(frame.data() + 14).control.value() & 0x0fff);
}

// A frame of these parts, tagged.
template <typename... Parts>
Frame tagged_frame(const Mac& to, std::uint16_t type, const Parts&... parts) {
    Frame out;
    const auto add = [&](const auto& part) {
        const ByteView bytes = bytes_of(part);
        out.insert(out.end(), bytes.begin(), bytes.end());
    };
    add(wire::EthernetHeader{to, peer_mac, be16(wire::ethertype_vlan)});
    add(wire::VlanTag{be16(vlan), be16(type)});
    (add(parts), ...);
    return out;
}

Frame only(const std::vector<Frame>& frames) {
    EXPECT_EQ(frames.size(), 1u);
    return frames.empty() ? Frame(64) : frames[0];
}

TEST(Vlan, AStunCheckIsAnsweredWithItsTag) {
    Harness h;
    const Peer peer = h.add_peer(6000);
    h.send_frame(Harness::frame_of(peer, stun_check("uf000001:peer"), vlan));
    h.settle();
    const Frame answer = only(h.received());
    EXPECT_EQ(tag_of(answer), vlan);
    const auto d = wire::parse_udp_frame(answer);
    ASSERT_TRUE(d.has_value());
    EXPECT_EQ(d->destination, peer.address);
    EXPECT_TRUE(wire::udp_checksum_valid(answer, *d));
}

// Egress follows the last authenticated packet, its tag included: a peer that moves between networks is followed.
TEST(Vlan, MediaFollowsTheViewerOntoItsTaggedNetwork) {
    Harness h;
    const auto suite = srtp::Suite::aead_aes_128_gcm;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    Peer viewer = h.add_peer(6000, 0, suite);
    h.add_video_leg(viewer, source, 0x9000);
    h.send(publisher, vp8_packet(1, 0, 0x1111, true));
    h.settle();
    EXPECT_EQ(tag_of(only(h.received())), std::nullopt);

    auto engine = srtp::make_engine(srtp::Backend::ipsec_mb);
    srtp::TxKey key;
    key.init(suite, viewer.to_us, *engine);
    std::uint32_t index = 1;
    // From another 5-tuple: what arrives on the old one does not make a new path.
    viewer.address.port = 6001;
    Frame report(128);
    wire::RtcpWriter out(report);
    ASSERT_TRUE(out.receiver_report(0xaaaa));
    report.resize(engine->sealer().seal_rtcp(key, report.data(), out.size(), index++));
    h.send_frame(Harness::frame_of(viewer, stun_check("uf000003:peer"), vlan));
    h.send_frame(Harness::frame_of(viewer, report, vlan));
    key.wipe();
    h.settle();
    (void)h.received();
    for (std::uint16_t n = 2; n < 7; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 2));
    h.settle();
    std::size_t media = 0;
    for (const Frame& frame : h.received()) {
        const auto d = wire::parse_udp_frame(frame);
        ASSERT_TRUE(d.has_value());
        if (d->destination != viewer.address || wire::is_rtcp(d->payload(frame)[1])) continue;
        EXPECT_EQ(tag_of(frame), vlan);
        EXPECT_TRUE(wire::udp_checksum_valid(frame, *d));
        EXPECT_EQ(load<Mac>(frame.data()), peer_mac);
        ++media;
    }
    EXPECT_EQ(media, 5u);
}

TEST(Vlan, ThePuntedPacketNamesItsTagAndTheInjectedAnswerCarriesIt) {
    Harness h;
    ASSERT_EQ(h.program(h.unvalidated_spec(42)), abi::Status::ok);
    Peer peer;
    peer.address = {*IpAddress::parse("10.77.0.2"), 6000};
    h.send_frame(Harness::frame_of(peer, stun_check("uf000042:peer"), vlan));
    h.settle();
    abi::PacketRingConsumer punted(h.plane().rings().data() + abi::RingLayout::punt(0, abi::PuntClass::stun),
                                   abi::RingLayout::slots);
    static abi::PacketSlot slot;
    ASSERT_EQ(punted.pop(slot), abi::PacketRingConsumer::Result::ok);
    EXPECT_EQ(slot.record.flow.vlan, vlan);

    abi::PacketRingProducer inject(h.plane().rings().data() + abi::RingLayout::inject(0), abi::RingLayout::slots);
    const Frame answer(100, 0x17);
    ASSERT_TRUE(inject.push(slot.record, answer));
    h.settle();
    const Frame frame = only(h.received());
    EXPECT_EQ(tag_of(frame), vlan);
    EXPECT_EQ(h.payloads_to(peer, {frame}), std::vector<Frame>{answer});
}

TEST(Vlan, ArpIsAnsweredWithItsTag) {
    Harness h;
    const wire::ArpPacket request{
        be16(1),         be16(wire::ethertype_ipv4), 6, 4, be16(wire::arp_request), peer_mac, be32(0x0a4d0002), Mac{},
        be32(0x0a4d0001)};
    h.send_frame(tagged_frame(Mac::broadcast(), wire::ethertype_arp, request));
    h.settle();
    const Frame answer = only(h.received());
    EXPECT_EQ(tag_of(answer), vlan);
    EXPECT_EQ(load<wire::ArpPacket>(answer.data() + 18).operation.value(), wire::arp_reply);
}

TEST(Vlan, PingIsAnsweredWithItsTag) {
    Harness h;
    wire::IcmpHeader echo{wire::icmp_echo_request, 0, be16{}, be32(0x00010001)};
    echo.checksum = wire::internet_checksum(bytes_of(echo));
    wire::Ipv4Header ip{
        0x45, 0, be16(28), be16(1), be16(0), 64, wire::protocol_icmp, be16{}, be32(0x0a4d0002), be32(0x0a4d0001)};
    ip.checksum = wire::internet_checksum(bytes_of(ip));
    h.send_frame(tagged_frame(our_mac, wire::ethertype_ipv4, ip, echo));
    h.settle();
    const Frame answer = only(h.received());
    EXPECT_EQ(tag_of(answer), vlan);
    EXPECT_EQ(answer[18 + 20], wire::icmp_echo_reply);
}

TEST(Vlan, NeighbourSolicitationAndPing6AreAnsweredWithTheirTag) {
    Harness h;
    const auto us = IpAddress::parse("fd77:7777::1")->bytes;
    const auto them = IpAddress::parse("fd77:7777::2")->bytes;
    const auto with_checksum = [](const wire::Ipv6Header& ip, auto message) {
        message.icmp.checksum = wire::checksum_finish(wire::checksum_add(
            wire::pseudo_header6(ip.source, ip.destination, wire::protocol_icmp6, sizeof message), bytes_of(message)));
        return message;
    };
    wire::NeighborSolicit solicit{};
    solicit.icmp.type = wire::icmp6_neighbor_solicit;
    solicit.target = us;
    const wire::Ipv6Header to_group{
        be32(6u << 28), be16(sizeof solicit), wire::protocol_icmp6, 255, them, IpAddress::parse("ff02::1:ff00:1")->bytes};
    h.send_frame(
        tagged_frame(Mac{{0x33, 0x33, 0xff, 0, 0, 1}}, wire::ethertype_ipv6, to_group, with_checksum(to_group, solicit)));
    h.settle();
    const Frame advert = only(h.received());
    EXPECT_EQ(tag_of(advert), vlan);
    EXPECT_EQ(advert[18 + 40], wire::icmp6_neighbor_advert);

    struct Echo {
        wire::IcmpHeader icmp;
    } echo{{wire::icmp6_echo_request, 0, be16{}, be32(0x00010001)}};
    const wire::Ipv6Header to_us{be32(6u << 28), be16(sizeof echo), wire::protocol_icmp6, 64, them, us};
    h.send_frame(tagged_frame(our_mac, wire::ethertype_ipv6, to_us, with_checksum(to_us, echo)));
    h.settle();
    const Frame reply = only(h.received());
    EXPECT_EQ(tag_of(reply), vlan);
    EXPECT_EQ(reply[18 + 40], wire::icmp6_echo_reply);
}

TEST(Vlan, ATaggedPortAnnouncesItselfWithItsTag) {
    for (const std::uint16_t id : {std::uint16_t{0}, vlan}) {
        Harness h({.vlan = id});
        h.turn(3);
        (void)h.received();
        ASSERT_EQ(h.announcements.size(), 2u) << "one a family";
        for (const Frame& frame : h.announcements) {
            EXPECT_EQ(tag_of(frame), id == 0 ? std::nullopt : std::optional(id));
            const std::size_t l2 = id == 0 ? 14 : 18;
            const auto type = load<be16>(frame.data() + l2 - 2).value();
            if (type == wire::ethertype_arp) {
                EXPECT_EQ(load<wire::ArpPacket>(frame.data() + l2).sender_mac, our_mac);
            } else {
                ASSERT_EQ(type, wire::ethertype_ipv6);
                const auto ip = load<wire::Ipv6Header>(frame.data() + l2);
                const ByteView message{frame.data() + l2 + sizeof ip, ip.payload_length.value()};
                EXPECT_EQ(frame.size(), l2 + sizeof ip + message.size());
                const auto pseudo = wire::pseudo_header6(ip.source, ip.destination, wire::protocol_icmp6,
                                                         static_cast<std::uint32_t>(message.size()));
                EXPECT_EQ(wire::checksum_finish(wire::checksum_add(pseudo, message)).raw(), 0);
            }
        }
    }
}

}  // namespace
}  // namespace sluice::test
