#include <cstring>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/stun.hpp"
#include "tests/component/stun_checks.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

TEST(Punt, AnUnvalidatedTransportsCheckGoesToTheControlPlaneWithItsTransport) {
    Harness h;
    ASSERT_EQ(h.program(h.unvalidated_spec(42)), abi::Status::ok);
    Peer peer;
    peer.address = {*IpAddress::parse("10.77.0.2"), 6000};
    const Frame request = check("uf000042:peer", password);
    h.send(peer, request);
    h.settle();
    auto ring = punt_ring(h, abi::PuntClass::stun);
    static abi::PacketSlot slot;
    ASSERT_EQ(ring.pop(slot), abi::PacketRingConsumer::Result::ok);
    EXPECT_EQ(slot.record.transport, abi::TransportId{42});
    EXPECT_EQ(slot.record.flow.remote_port, 6000);
    EXPECT_EQ(slot.record.flow.remote_mac, peer_mac.bytes);
    EXPECT_EQ(slot.record.flow.local_port, 7882);
    EXPECT_EQ(Frame(slot.datagram, slot.datagram + slot.record.length), request);
    EXPECT_TRUE(h.received().empty()) << "the worker must not answer for an unvalidated transport";
}

TEST(Punt, AnUnknownUsernameFragmentNeverReachesTheControlPlane) {
    Harness h;
    Peer peer;
    peer.address = {*IpAddress::parse("10.77.0.2"), 6000};
    h.send(peer, check("nobodyis:peer", password));
    h.settle();
    EXPECT_EQ(h.drops(DropReason::stun_unknown_ufrag), 1u);
    EXPECT_EQ(h.counters().punted, 0u);
}

TEST(Punt, AValidatedTransportsCheckIsAnsweredByTheWorker) {
    Harness h;
    const Peer peer = h.add_peer(6000);
    h.send(peer, check("uf000001:peer", password));
    h.settle();
    const auto answers = h.payloads_to(peer, h.received());
    ASSERT_EQ(answers.size(), 1u);
    const auto view = wire::StunView::parse(answers[0]);
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->type(), wire::StunType::binding_success);
    EXPECT_EQ(view->xor_mapped_address(), peer.address);
    EXPECT_TRUE(view->fingerprint_valid());
    srtp::HmacSha1Key key;
    key.init({reinterpret_cast<const std::uint8_t*>(password.data()), password.size()});
    EXPECT_TRUE(view->message_integrity_valid(
        [&](std::span<const ByteView> parts, std::uint8_t* mac) { srtp::hmac_sha1(key.pads, parts, mac); }));
    EXPECT_EQ(h.counters().punted, 0u);
}

TEST(Punt, AWrongPasswordGetsNoAnswer) {
    Harness h;
    const Peer peer = h.add_peer(6000);
    h.send(peer, check("uf000001:peer", "wrongpasswordwrongpasswo"));
    h.settle();
    EXPECT_TRUE(h.received().empty());
    EXPECT_EQ(h.drops(DropReason::stun_bad_integrity), 1u);
}

TEST(Punt, AReboundViewerIsFollowedOnceItsPacketAuthenticates) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000);
    h.send(publisher, vp8_packet(0, 0, 0x1111, true));
    h.settle();
    EXPECT_FALSE(h.payloads_to(viewer, h.received()).empty());
    Peer moved = viewer;
    moved.address.port = 6555;
    const std::string username = "uf00000" + std::to_string(viewer.transport) + ":peer";
    h.send(moved, check(username, password));
    h.settle();
    h.send(publisher, vp8_packet(1, 3000, 0x1111, false));
    h.settle();
    // A check alone does not move media while the old path is alive; an authenticated packet does.
    EXPECT_FALSE(h.payloads_to(viewer, h.received()).empty());
    std::array<std::uint8_t, 64> buffer;
    wire::RtcpWriter out(buffer);
    ASSERT_TRUE(out.receiver_report(1));
    h.send(moved, out.finish());
    h.settle();
    (void)h.received();
    h.send(publisher, vp8_packet(2, 6000, 0x1111, false));
    h.settle();
    const auto frames = h.received();
    EXPECT_TRUE(h.media_to(viewer, frames).empty());
    EXPECT_FALSE(h.media_to(moved, frames).empty());
}

TEST(Punt, DtlsIsPuntedForAKnownFlowOnly) {
    Harness h;
    const Peer known = h.add_peer(6000);
    Peer stranger = known;
    stranger.address.port = 6001;
    const Frame hello{22, 0xfe, 0xfd, 0, 0};
    h.send(known, hello);
    h.send(stranger, hello);
    h.settle();
    EXPECT_EQ(h.drops(DropReason::dtls_unknown_flow), 1u);
    auto ring = punt_ring(h, abi::PuntClass::dtls);
    static abi::PacketSlot slot;
    ASSERT_EQ(ring.pop(slot), abi::PacketRingConsumer::Result::ok);
    EXPECT_EQ(static_cast<std::uint64_t>(slot.record.transport), known.transport);
    EXPECT_EQ(ring.pop(slot), abi::PacketRingConsumer::Result::empty);
}

// The peer answers in less time than the control plane's UPSERT takes to get here.
TEST(Punt, TheAnswerToAVerifiedCheckBringsTheFlowOfTheDtlsThatFollowsIt) {
    Harness h;
    const abi::FlowAddress flow = h.transport_spec(42, 6000, 0).path;
    const abi::TransportSpec spec = h.unvalidated_spec(42);
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    Peer peer;
    peer.address = {*IpAddress::parse("10.77.0.2"), 6000};
    const Frame hello{22, 0xfe, 0xfd, 0, 0};
    abi::PacketRingProducer inject(h.plane().rings().data() + abi::RingLayout::inject(0), abi::RingLayout::slots);
    abi::PacketRecord answer;
    answer.flow = flow;
    answer.transport = abi::TransportId{42};
    ASSERT_TRUE(inject.push(answer, hello));
    h.settle();
    h.send(peer, hello);
    h.settle();
    EXPECT_EQ(h.drops(DropReason::dtls_unknown_flow), 1u) << "an answer to no verified check must not open a flow";

    answer.verified_ufrag = spec.ice.ufrag;
    answer.transport = abi::TransportId{43};
    ASSERT_TRUE(inject.push(answer, hello));
    h.settle();
    h.send(peer, hello);
    h.settle();
    EXPECT_EQ(h.drops(DropReason::dtls_unknown_flow), 2u) << "the fragment is another transport's by now";

    answer.transport = abi::TransportId{42};
    ASSERT_TRUE(inject.push(answer, hello));
    h.settle();
    EXPECT_EQ(h.payloads_to(peer, h.received()).size(), 3u);
    h.send(peer, hello);
    h.settle();
    EXPECT_EQ(h.drops(DropReason::dtls_unknown_flow), 2u);
    auto ring = punt_ring(h, abi::PuntClass::dtls);
    static abi::PacketSlot slot;
    ASSERT_EQ(ring.pop(slot), abi::PacketRingConsumer::Result::ok);
    EXPECT_EQ(slot.record.transport, abi::TransportId{42});
}

TEST(Punt, AFullRingDropsByNameAndNeverBlocks) {
    Harness h;
    // From three networks, since one has less of a budget than the ring has slots.
    std::vector<Peer> known;
    for (const char* address : {"10.77.0.2", "10.78.0.2", "10.79.0.2"}) {
        abi::TransportSpec spec = h.transport_spec(known.size() + 1, 6000, 0);
        spec.path.remote_ip = IpAddress::parse(address)->bytes;
        ASSERT_EQ(h.program(spec), abi::Status::ok);
        known.push_back({});
        known.back().address = {*IpAddress::parse(address), 6000};
    }
    const Frame hello{22, 0xfe, 0xfd, 0, 0};
    for (std::uint32_t i = 0; i < abi::RingLayout::slots + 100; ++i) {
        h.send(known[i % 3], hello);
        if (i % 64 == 0) h.settle();
    }
    h.settle();
    EXPECT_EQ(h.counters().punted, abi::RingLayout::slots);
    EXPECT_EQ(h.drops(DropReason::punt_ring_full), 100u);
}

TEST(Punt, AnInjectedDatagramLeavesWithAValidChecksumAndOnlyFromOurAddress) {
    Harness h;
    Peer peer;
    peer.address = {*IpAddress::parse("10.77.0.2"), 6000};
    abi::PacketRingProducer inject(h.plane().rings().data() + abi::RingLayout::inject(0), abi::RingLayout::slots);
    abi::PacketRecord record;
    record.flow = h.transport_spec(1, 6000, 0).path;
    const Frame payload{1, 2, 3, 4, 5};
    ASSERT_TRUE(inject.push(record, payload));
    record.flow.local_ip = IpAddress::parse("192.0.2.1")->bytes;
    ASSERT_TRUE(inject.push(record, payload));
    record.flow = h.transport_spec(1, 6000, 0).path;
    record.flow.local_port = 22;
    ASSERT_TRUE(inject.push(record, payload));
    h.settle();
    const auto frames = h.received();
    EXPECT_EQ(frames.size(), 1u);
    EXPECT_EQ(h.payloads_to(peer, frames), (std::vector<Frame>{payload}));
    EXPECT_EQ(h.drops(DropReason::inject_invalid), 2u);
}

TEST(Local, TheLinkIsToldWhoWeAreAfterAStart) {
    Harness h;
    h.settle();
    EXPECT_TRUE(h.received().empty());
    const std::vector<Frame>& frames = h.announcements;
    ASSERT_GE(frames.size(), 2u);
    const auto arp = load<wire::ArpPacket>(frames[0].data() + 14);
    EXPECT_EQ(arp.operation.value(), wire::arp_reply);
    EXPECT_EQ(arp.sender_address, our_ip.v4());
    EXPECT_EQ(arp.sender_mac, our_mac);
    const auto advert = load<wire::NeighborAdvert>(frames[1].data() + 14 + 40);
    EXPECT_EQ(advert.icmp.type, wire::icmp6_neighbor_advert);
    EXPECT_EQ(advert.target, IpAddress::parse("fd77:7777::1")->bytes);
    const auto ip = load<wire::Ipv6Header>(frames[1].data() + 14);
    EXPECT_EQ(
        wire::checksum_fold(wire::checksum_add(wire::pseudo_header6(ip.source, ip.destination, wire::protocol_icmp6, 32),
                                               ByteView(frames[1]).subspan(54))),
        0xffff);
}

TEST(Local, ArpAndPingAreAnswered) {
    Harness h;
    Frame arp(42);
    wire::EthernetHeader eth{Mac::broadcast(), peer_mac, be16(wire::ethertype_arp)};
    store(arp.data(), eth);
    wire::ArpPacket a{be16(1), be16(0x0800), 6, 4, be16(wire::arp_request), peer_mac, IpAddress::parse("10.77.0.2")->v4(),
                      {},      our_ip.v4()};
    store(arp.data() + 14, a);
    h.send_frame(arp);
    h.settle();
    const auto frames = h.received();
    ASSERT_EQ(frames.size(), 1u);
    const auto reply = load<wire::ArpPacket>(frames[0].data() + 14);
    EXPECT_EQ(reply.operation.value(), wire::arp_reply);
    EXPECT_EQ(reply.sender_mac, our_mac);
    a.target_address = IpAddress::parse("10.77.0.9")->v4();
    store(arp.data() + 14, a);
    h.send_frame(arp);
    h.settle();
    EXPECT_TRUE(h.received().empty());
}

}  // namespace
}  // namespace sluice::test
