#include <gmock/gmock.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "controlplane/dpclient/punt_rings.hpp"
#include "controlplane/dpclient/test_support.hpp"

namespace sluice::dpclient {
namespace {

using abi::PuntClass;
const std::vector<std::uint8_t> hello{'h', 'i'};

struct Seen {
    abi::PacketRecord record;
    std::vector<std::uint8_t> datagram;
};

class PuntTest : public ClientTest {
protected:
    PuntTest() {
        handlers.on_punt = [this](const abi::PacketRecord& r, ByteView d) { seen.push_back({r, {d.begin(), d.end()}}); };
    }
    std::vector<Seen> seen;
};

TEST_F(PuntTest, DeliversFromEveryRingWithWhereItCameFrom) {
    boot();
    start();
    ASSERT_TRUE(synced());
    ASSERT_TRUE(plane->punt(0, PuntClass::stun, t1, flow(1), hello));
    ASSERT_TRUE(plane->punt(1, PuntClass::dtls, t2, flow(2), hello));
    plane->wake();
    ASSERT_TRUE(until([&] { return seen.size() == 2; }));
    EXPECT_EQ(seen[0].record.punt_class, PuntClass::stun);
    EXPECT_EQ(seen[0].record.flow, flow(1));
    EXPECT_EQ(seen[1].record.worker, 1);
    EXPECT_EQ(seen[1].record.transport, t2);
    EXPECT_EQ(seen[1].datagram, hello);
}

TEST_F(PuntTest, DiscardsWhatPiledUpBeforeThisProcessCame) {
    boot();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(plane->punt(0, PuntClass::stun, t1, flow(1), hello));
    plane->wake();
    start();
    ASSERT_TRUE(synced());
    settle();
    EXPECT_TRUE(seen.empty());
    ASSERT_TRUE(plane->punt(0, PuntClass::stun, t1, flow(2), hello));
    plane->wake();
    ASSERT_TRUE(until([&] { return seen.size() == 1; }));
}

TEST_F(PuntTest, KeepsWhatWasPuntedWhileTheSocketWasLost) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->drop_connections();
    ASSERT_TRUE(until([&] { return !client->connected(); }));
    ASSERT_TRUE(plane->punt(0, PuntClass::dtls, t1, flow(1), hello));
    ASSERT_TRUE(synced(2));
    ASSERT_TRUE(until([&] { return seen.size() == 1; }));
}

TEST_F(PuntTest, AnAnswerToAVerifiedCheckNamesTheFragmentItIsFor) {
    boot();
    auto spec = transport(t1);
    spec.ice.ufrag = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
    program.upsert(spec);
    start();
    ASSERT_TRUE(synced());
    ASSERT_TRUE(client->inject_answer(0, t1, flow(1), hello));
    ASSERT_TRUE(client->inject(0, t1, flow(1), hello));
    const auto answer = plane->take_injected(0);
    const auto other = plane->take_injected(0);
    ASSERT_TRUE(answer && other);
    EXPECT_EQ(answer->record.verified_ufrag, spec.ice.ufrag);
    EXPECT_EQ(answer->record.flow, flow(1));
    EXPECT_EQ(other->record.verified_ufrag, (std::array<char, abi::ufrag_size>{}));
}

TEST_F(PuntTest, DrainsMoreThanItsBudgetInSeveralTurns) {
    boot();
    auto o = client_options();
    o.punt_budget = 7;
    start(std::move(o));
    ASSERT_TRUE(synced());
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(plane->punt(i % 2, PuntClass::stun, t1, flow(1), hello));
    plane->wake();
    ASSERT_TRUE(until([&] { return seen.size() == 100; }));
}

TEST_F(PuntTest, AFloodOfOneRingDoesNotStarveTheOthers) {
    boot();
    start();
    ASSERT_TRUE(synced());
    for (std::uint32_t i = 0; i < abi::RingLayout::slots; ++i)
        ASSERT_TRUE(plane->punt(0, PuntClass::stun, t1, flow(1), hello));
    EXPECT_FALSE(plane->punt(0, PuntClass::stun, t1, flow(1), hello));
    ASSERT_TRUE(plane->punt(1, PuntClass::dtls, t2, flow(2), hello));
    plane->wake();
    ASSERT_TRUE(until([&] { return seen.size() == abi::RingLayout::slots + 1; }));
    const auto place = std::ranges::find(seen, t2, [](const Seen& s) { return s.record.transport; });
    EXPECT_LT(place - seen.begin(), 8);
}

TEST_F(PuntTest, HostileRecordsAreCountedAndHarmless) {
    boot();
    start();
    ASSERT_TRUE(synced());
    auto* ring = plane->ring_memory() + abi::RingLayout::punt(0, PuntClass::stun);
    auto* header = reinterpret_cast<abi::PacketRingHeader*>(ring);
    auto* slots = reinterpret_cast<abi::PacketSlot*>(ring + sizeof(abi::PacketRingHeader));
    slots[0].record.length = 0xffffffff;
    slots[1].record.length = 2;
    slots[1].record.worker = 200;
    slots[1].record.punt_class = static_cast<PuntClass>(99);
    header->head = 2;
    plane->wake();
    ASSERT_TRUE(until([&] { return seen.size() == 1; }));
    EXPECT_EQ(client->counters().punt_invalid, 1u);
    EXPECT_EQ(seen[0].record.worker, 0);  // of the ring, not of the record
    EXPECT_EQ(seen[0].record.punt_class, PuntClass::stun);

    header->head = ~std::uint64_t{0} / 2;
    plane->wake();
    ASSERT_TRUE(until([&] { return client->counters().punt_invalid == 2; }));
    ASSERT_TRUE(plane->punt(1, PuntClass::stun, t1, flow(1), hello));
    plane->wake();
    ASSERT_TRUE(until([&] { return seen.size() == 2; }));
}

TEST_F(PuntTest, TheClientMayBeDestroyedByADatagram) {
    boot();
    int calls = 0;
    handlers.on_punt = [&](const abi::PacketRecord&, ByteView) {
        ++calls;
        client.reset();
    };
    start();
    ASSERT_TRUE(synced());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(plane->punt(0, PuntClass::stun, t1, flow(1), hello));
    plane->wake();
    ASSERT_TRUE(until([&] { return calls > 0; }));
    settle();
    EXPECT_EQ(calls, 1);
}

TEST_F(PuntTest, InjectsThroughTheNamedWorker) {
    boot();
    start();
    EXPECT_FALSE(client->inject(0, t1, flow(5), hello));  // not connected
    ASSERT_TRUE(synced());
    EXPECT_TRUE(client->inject(1, t1, flow(5), hello));
    EXPECT_FALSE(client->inject(2, t1, flow(5), hello));
    EXPECT_FALSE(client->inject(0xffff, t1, flow(5), hello));
    EXPECT_FALSE(client->inject(1, t1, flow(5), std::vector<std::uint8_t>(abi::max_datagram + 1)));
    EXPECT_FALSE(plane->take_injected(0));
    const auto injected = plane->take_injected(1);
    ASSERT_TRUE(injected);
    EXPECT_EQ(injected->datagram, hello);
    EXPECT_EQ(injected->record.transport, t1);
    EXPECT_EQ(injected->record.flow, flow(5));
    std::size_t room = 0;
    while (client->inject(0, t1, flow(5), hello)) ++room;
    EXPECT_EQ(room, abi::RingLayout::slots);
    EXPECT_EQ(client->counters().inject_refused, 5u);
}

TEST(PuntRings, RefusesMemoryThatIsTooSmallForItsWorkers) {
    const UniqueFd fd(::memfd_create("rings", 0));
    ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(abi::RingLayout::total(1))), 0);
    EXPECT_TRUE(PuntRings::map(fd.get(), 1));
    EXPECT_FALSE(PuntRings::map(fd.get(), 2));
    EXPECT_FALSE(PuntRings::map(fd.get(), 0));
    EXPECT_FALSE(PuntRings::map(fd.get(), 65));
    EXPECT_FALSE(PuntRings::map(-1, 1));
}

}  // namespace
}  // namespace sluice::dpclient
