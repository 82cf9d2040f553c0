// Which MAC a transport's frames go to: back the way they came, or to the next hop that the kernel names.

#include <map>
#include <set>

#include "dataplane/app/next_hop_feed.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

const Mac gateway_mac{{0x02, 0x99, 0, 0, 0, 0x01}};
const Mac standby_mac{{0x02, 0x99, 0, 0, 0, 0x02}};
const IpAddress viewers_ip = *IpAddress::parse("10.77.0.2");

// A publisher and so many viewers, each with a packet per frame() call.
struct Room {
    explicit Room(Harness& harness, std::uint16_t count) : h(harness), publisher(h.add_peer(5000)) {
        const auto source = h.add_video_source(publisher, 0x1111);
        for (std::uint16_t i = 0; i < count; ++i) {
            viewers.push_back(h.add_peer(static_cast<std::uint16_t>(6000 + i)));
            h.add_video_leg(viewers.back(), source, 0x9000u + i);
        }
        (void)frame();
    }
    // Sends a media packet; by destination MAC, how many media frames left.
    std::map<std::string, int> frame() {
        (void)h.received();
        h.send(publisher, vp8_packet(sequence, 3000u * sequence, 0x1111, true));
        ++sequence;
        h.settle();
        std::map<std::string, int> count;
        for (const Frame& f : h.received()) {
            const auto d = wire::parse_udp_frame(f);
            if (!d || d->destination == publisher.address) continue;
            EXPECT_TRUE(wire::udp_checksum_valid(f, *d));
            if (wire::is_rtcp(d->payload(f)[1])) continue;  // comes by time
            ++count[d->destination_mac.to_string()];
        }
        return count;
    }
    // Main finds that the way to `destination`, where the first viewer is or was, is by the gateway.
    void lead_through_gateway(const IpAddress& destination) {
        registry.update_next_hop(1, {gateway_mac, true});
        registry.set_next_hop(viewers[0].transport, destination, 1);
        h.settle();
    }
    // An authenticated packet of the viewer's.
    void speak(const Peer& viewer) {
        std::array<std::uint8_t, 64> buffer;
        wire::RtcpWriter out(buffer);
        ASSERT_TRUE(out.receiver_report(1));
        h.send(viewer, out.finish());
        h.settle();
    }
    Harness& h;
    control::Registry& registry = h.plane().registry();
    Peer publisher;
    std::vector<Peer> viewers;
    std::uint16_t sequence = 0;
};

using Count = std::map<std::string, int>;

TEST(NextHop, WithoutOneAViewerWhoseMacChangesIsFollowed) {
    Harness h;
    Room room(h, 1);
    Peer& viewer = room.viewers[0];
    EXPECT_EQ(room.frame(), (Count{{peer_mac.to_string(), 1}}));
    viewer.mac = standby_mac;
    EXPECT_EQ(room.frame(), (Count{{peer_mac.to_string(), 1}}));
    room.speak(viewer);
    EXPECT_EQ(room.frame(), (Count{{standby_mac.to_string(), 1}}));
}

TEST(NextHop, AnEntrysChangeReachesEveryTransportBehindItAndNoOther) {
    Harness h;
    constexpr std::uint16_t count = 150;  // more than are rewritten in one iteration
    Room room(h, count + 1);
    auto& registry = h.plane().registry();
    registry.update_next_hop(7, {gateway_mac, true});
    for (std::uint16_t i = 0; i < count; ++i) registry.set_next_hop(room.viewers[i].transport, viewers_ip, 7);
    h.settle();
    EXPECT_EQ(room.frame(), (Count{{gateway_mac.to_string(), count}, {peer_mac.to_string(), 1}}));
    registry.update_next_hop(7, {standby_mac, true});
    h.settle();
    EXPECT_EQ(room.frame(), (Count{{standby_mac.to_string(), count}, {peer_mac.to_string(), 1}}));
}

TEST(NextHop, AnEntryThatIsNoLongerResolvedGivesWayToTheLastAuthenticatedPacket) {
    Harness h;
    Room room(h, 1);
    room.lead_through_gateway(viewers_ip);
    // Routers answer from other addresses than the one that they are reached by (VRRP): the next hop stays.
    room.viewers[0].mac = standby_mac;
    room.speak(room.viewers[0]);
    EXPECT_EQ(room.frame(), (Count{{gateway_mac.to_string(), 1}}));
    room.registry.update_next_hop(1, {});
    h.settle();
    EXPECT_EQ(room.frame(), (Count{{standby_mac.to_string(), 1}}));
}

TEST(NextHop, ForAnAddressThatTheTransportHasLeftIsIgnored) {
    Harness h;
    Room room(h, 1);
    room.lead_through_gateway(*IpAddress::parse("10.77.0.3"));
    EXPECT_EQ(room.frame(), (Count{{peer_mac.to_string(), 1}}));
}

TEST(NextHop, IsForgottenWhenTheViewerMovesToAnotherAddress) {
    Harness h;
    Room room(h, 1);
    room.lead_through_gateway(viewers_ip);
    abi::TransportSpec spec = h.transport_spec(room.viewers[0].transport, 6000, 0);
    spec.path.remote_ip = IpAddress::parse("10.77.0.9")->bytes;
    spec.path.remote_mac = standby_mac.bytes;
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    EXPECT_EQ(room.frame(), (Count{{standby_mac.to_string(), 1}}));
}

TEST(NextHop, TransportsThatGoWhileHeadersAreRewrittenLeaveNoneBehind) {
    Harness h;
    Room room(h, 150);
    auto& registry = h.plane().registry();
    for (const Peer& viewer : room.viewers) registry.set_next_hop(viewer.transport, viewers_ip, 1);
    h.settle();
    registry.update_next_hop(1, {gateway_mac, true});
    h.turn(1);  // some are done
    for (std::size_t i = 0; i < room.viewers.size(); i += 3) {
        abi::Remove m;
        m.kind = abi::ObjectKind::transport;
        m.id = room.viewers[i].transport;
        ASSERT_EQ(h.program(m), abi::Status::ok);
    }
    EXPECT_EQ(room.frame(), (Count{{gateway_mac.to_string(), 100}}));
}

class FakeKernel final : public port::NeighbourKernel {
public:
    std::optional<IpAddress> gateway_of(const IpAddress& destination) override {
        const auto at = gateways.find(destination);
        return at == gateways.end() ? std::nullopt : std::optional(at->second);
    }
    void use(const IpAddress&) override {}
    std::optional<Mac> mac_of(const IpAddress&) override { return gateway_mac; }
    std::map<IpAddress, IpAddress> gateways;
};

TEST(NextHopFeed, FollowsATransportFromItsFirstPathToItsEnd) {
    Harness h;
    FakeKernel kernel;
    const IpAddress gateway = *IpAddress::parse("10.77.0.254");
    const IpAddress other = *IpAddress::parse("10.88.0.9");
    kernel.gateways = {{viewers_ip, gateway}, {other, *IpAddress::parse("10.77.0.253")}};
    {
        app::NextHopFeed feed(h.plane().registry(), kernel);
        Room room(h, 2);
        EXPECT_EQ(room.frame(), (Count{{gateway_mac.to_string(), 2}}));
        EXPECT_EQ(feed.next_hops().entries(), 1u);

        feed.next_hops().neighbour_changed(gateway, standby_mac);
        h.settle();
        EXPECT_EQ(room.frame(), (Count{{standby_mac.to_string(), 2}}));

        // One moves to an address behind another gateway, by a packet of its own, and one ends.
        room.viewers[0].address.address = other;
        abi::TransportSpec spec = h.transport_spec(room.viewers[0].transport, 6000, 0);
        spec.path.remote_ip = other.bytes;
        ASSERT_EQ(h.program(spec), abi::Status::ok);
        EXPECT_EQ(feed.next_hops().entries(), 2u);
        EXPECT_EQ(room.frame(), (Count{{gateway_mac.to_string(), 1}, {standby_mac.to_string(), 1}}));
        abi::Remove m;
        m.kind = abi::ObjectKind::transport;
        m.id = room.viewers[1].transport;
        ASSERT_EQ(h.program(m), abi::Status::ok);
        m.id = room.publisher.transport;
        ASSERT_EQ(h.program(m), abi::Status::ok);
        EXPECT_EQ(feed.next_hops().entries(), 1u);
        EXPECT_EQ(feed.next_hops().destinations(), 1u);

        // The route changes under it.
        kernel.gateways.erase(other);
        feed.next_hops().routes_changed(0);
        feed.next_hops().turn(1'000'000'000);
        h.settle();
        EXPECT_EQ(feed.next_hops().entries(), 0u);
    }
}

}  // namespace
}  // namespace sluice::test
