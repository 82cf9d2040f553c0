// One flooding network costs itself its budget and nobody else theirs.

#include <cstdio>
#include <map>

#include "tests/component/stun_checks.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

Peer peer_at(const char* address, std::uint16_t port) {
    Peer peer;
    peer.address = {*IpAddress::parse(address), port};
    return peer;
}

// Like the control plane: takes what is there.
std::vector<abi::PacketRecord> drain(abi::PacketRingConsumer& ring) {
    std::vector<abi::PacketRecord> out;
    static abi::PacketSlot slot;
    while (ring.pop(slot) == abi::PacketRingConsumer::Result::ok) out.push_back(slot.record);
    return out;
}

TEST(Budgets, AFloodOfChecksFromOnePrefixKeepsNoJoinFromAnother) {
    Harness h;
    for (const std::uint64_t id : {1, 2}) {
        ASSERT_EQ(h.program(h.unvalidated_spec(id)), abi::Status::ok);
    }
    auto ring = punt_ring(h, abi::PuntClass::stun);
    // The flooder knows a valid fragment (its own), so that it gets past the cheap checks.
    const Frame flood = check("uf000001:evil", "not the password");
    const Frame join = check("uf000002:peer");
    std::uint64_t flooded = 0;
    for (int join_no = 0; join_no < 20; ++join_no) {
        for (int i = 0; i < 500; ++i) {
            h.send(peer_at(i % 2 ? "203.0.113.7" : "203.0.113.200", static_cast<std::uint16_t>(1024 + i)), flood);
            ++flooded;
        }
        h.send(peer_at("198.51.100.9", static_cast<std::uint16_t>(7000 + join_no)), join);
        h.settle();
        const auto punted = drain(ring);
        ASSERT_EQ(std::ranges::count(punted, abi::TransportId{2}, &abi::PacketRecord::transport), 1) << "join " << join_no;
    }
    EXPECT_GT(h.drops(DropReason::stun_limited), flooded / 2);
    EXPECT_EQ(h.counters().punted + h.drops(DropReason::stun_limited), flooded + 20);
    EXPECT_EQ(h.total_drops(), h.drops(DropReason::stun_limited));
}

TEST(Budgets, AFloodOfDtlsFromOnePrefixKeepsNoHandshakeOfAnother) {
    Harness h;
    const Peer flooder = h.add_peer(6000);
    abi::TransportSpec spec = h.transport_spec(77, 6000, 0);
    spec.path.remote_ip = IpAddress::parse("198.51.100.9")->bytes;
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    auto ring = punt_ring(h, abi::PuntClass::dtls);
    const Frame hello{22, 0xfe, 0xfd, 0, 0};
    for (int n = 0; n < 20; ++n) {
        for (int i = 0; i < 500; ++i) h.send(flooder, hello);
        h.send(peer_at("198.51.100.9", 6000), hello);
        h.settle();
        const auto punted = drain(ring);
        ASSERT_EQ(std::ranges::count(punted, abi::TransportId{77}, &abi::PacketRecord::transport), 1) << "datagram " << n;
    }
    EXPECT_GT(h.drops(DropReason::dtls_limited), 5000u);
    EXPECT_EQ(h.counters().punted + h.drops(DropReason::dtls_limited), 10'020u);
}

// All of one prefix, within a few milliseconds: several times what the prefix may send in one go.
TEST(Budgets, ACrowdBehindOneNatIsHeardWholeWhileItFloods) {
    constexpr std::uint64_t crowd = 200;
    constexpr int each = 6;
    Harness h;
    for (std::uint64_t id = 2; id < 2 + crowd; ++id) ASSERT_EQ(h.program(h.unvalidated_spec(id)), abi::Status::ok);
    ASSERT_EQ(h.program(h.unvalidated_spec(1)), abi::Status::ok);
    auto ring = punt_ring(h, abi::PuntClass::stun);
    const Frame flood = check("uf000001:evil", "not the password");
    std::map<abi::TransportId, int> heard;
    for (std::uint64_t id = 2; id < 2 + crowd; ++id) {
        char username[16];
        std::snprintf(username, sizeof username, "uf%06u:peer", static_cast<unsigned>(id));
        for (int i = 0; i < each; ++i) {
            h.send(peer_at("203.0.113.7", 900), flood);
            h.send(peer_at("203.0.113.7", static_cast<std::uint16_t>(1024 + id)), check(username));
        }
        if (id % 20 != 0) continue;
        h.settle();
        for (const auto& record : drain(ring)) ++heard[record.transport];
    }
    h.settle();
    for (const auto& record : drain(ring)) ++heard[record.transport];
    EXPECT_GT(h.drops(DropReason::stun_limited), 0u) << "of the flood";
    heard.erase(abi::TransportId{1});
    EXPECT_EQ(heard.size(), crowd);
    for (const auto& [id, checks] : heard) EXPECT_EQ(checks, each) << static_cast<std::uint64_t>(id);
    EXPECT_EQ(h.drops(DropReason::punt_ring_full), 0u);
}

TEST(Budgets, TheHandshakesOfACrowdBehindOneNatAreHeardWhileOneOfThemFloods) {
    constexpr std::uint16_t crowd = 200;
    Harness h;
    std::vector<Peer> peers;
    for (std::uint16_t n = 0; n < crowd; ++n) peers.push_back(h.add_peer(static_cast<std::uint16_t>(5000 + n)));
    auto ring = punt_ring(h, abi::PuntClass::dtls);
    const Frame flight{22, 0xfe, 0xfd, 0, 0};
    std::map<abi::TransportId, int> heard;
    for (std::uint16_t n = 1; n < crowd; ++n) {
        for (int i = 0; i < 10; ++i) h.send(peers[0], flight);
        for (int i = 0; i < 4; ++i) h.send(peers[n], flight);
        if (n % 20 != 0) continue;
        h.settle();
        for (const auto& record : drain(ring)) ++heard[record.transport];
    }
    h.settle();
    for (const auto& record : drain(ring)) ++heard[record.transport];
    EXPECT_GT(h.drops(DropReason::dtls_limited), 0u) << "of the one that floods";
    for (std::uint16_t n = 1; n < crowd; ++n) EXPECT_EQ(heard[abi::TransportId{peers[n].transport}], 4) << n;
}

TEST(Budgets, GarbageDiesBeforeItTouchesABudget) {
    Harness h;
    const Peer stranger = peer_at("198.51.100.9", 6000);
    for (int i = 0; i < 900; ++i)
        h.send(stranger, i % 3 == 0 ? check("nobodyis:peer") : i % 3 == 1 ? Frame(20) : Frame{22, 1});
    h.settle();
    EXPECT_EQ(h.drops(DropReason::stun_limited) + h.drops(DropReason::dtls_limited), 0u);
    EXPECT_EQ(h.drops(DropReason::stun_unknown_ufrag), 300u);
    EXPECT_EQ(h.drops(DropReason::stun_malformed), 300u);
    EXPECT_EQ(h.drops(DropReason::dtls_unknown_flow), 300u);
    abi::TransportSpec spec = h.transport_spec(1, 7000, 0);
    spec.flags = 0;
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    for (int i = 0; i < 250; ++i) h.send(stranger, check("uf000001:peer"));
    h.settle();
    EXPECT_EQ(h.counters().punted, 250u) << "its prefix still has all of its burst";
}

}  // namespace
}  // namespace sluice::test
