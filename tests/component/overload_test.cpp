// What runs out is named, what does not depend on it goes on, and afterwards everything is back in its pool.

#include <rte_mempool.h>

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dataplane/table/media_packet.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/stun_checks.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

// Stands for whatever holds a pool's last buffers.
class FakeHog {
public:
    explicit FakeHog(const char* name) : pool_(rte_mempool_lookup(name)) {
        void* object = nullptr;
        while (rte_mempool_get(pool_, &object) == 0) held_.push_back(object);
    }
    ~FakeHog() {
        for (void* object : held_) rte_mempool_put(pool_, object);
    }
    FakeHog(const FakeHog&) = delete;
    FakeHog& operator=(const FakeHog&) = delete;

private:
    rte_mempool* pool_;
    std::vector<void*> held_;
};

// Of the buffers that hold more than audio.
std::uint32_t large_history_packets() {
    return rte_mempool_lookup("history0")->size;
}

std::uint32_t in_use(const std::string& pool) {
    return rte_mempool_in_use_count(rte_mempool_lookup(pool.c_str()));
}

// To connectivity checks.
std::size_t answers(const std::vector<Frame>& payloads) {
    return static_cast<std::size_t>(std::ranges::count_if(payloads, [](const Frame& p) { return p[0] < 4; }));
}

// A publisher and its viewer on one worker.
struct Stream {
    Stream(Harness& h, std::uint16_t n, std::uint16_t worker)
        : publisher(h.add_peer(static_cast<std::uint16_t>(5000 + n), worker)),
          viewer(h.add_peer(static_cast<std::uint16_t>(6000 + n), worker)),
          ssrc(0x1000u + n),
          source(h.add_video_source(publisher, ssrc)) {
        h.add_video_leg(viewer, source, 0x9000u + n, 0xa000u + n);
    }
    void send(Harness& h) {
        h.send(publisher, vp8_packet(sequence, 3000u * sequence, ssrc, sequence == 0, 400));
        ++sequence;
    }
    void remove(Harness& h) const {
        for (const Peer* p : {&viewer, &publisher}) {
            abi::Remove m;
            m.kind = abi::ObjectKind::transport;
            m.id = p->transport;
            EXPECT_EQ(h.program(m), abi::Status::ok);
        }
    }
    Peer publisher;
    Peer viewer;
    std::uint32_t ssrc;
    std::uint64_t source;
    std::uint16_t sequence = 0;
};

// Full source rings of all of these would hold several times what the pool has.
TEST(Overload, ManyStreamsShareTheHistoryPoolAndNoneStarves) {
    constexpr std::uint16_t streams = 24;
    constexpr int packets = 1100;
    Harness h;
    std::vector<Stream> all;
    for (std::uint16_t n = 0; n < streams; ++n) all.emplace_back(h, n, 0);
    ASSERT_GT(streams * 1024u, 2 * large_history_packets());
    std::vector<std::size_t> arrived(streams);
    for (int i = 0; i < packets; ++i) {
        for (Stream& s : all) s.send(h);
        h.settle();
        const auto frames = h.received();
        for (std::uint16_t n = 0; n < streams; ++n) arrived[n] += media_packets(h.payloads_to(all[n].viewer, frames));
    }
    for (std::uint16_t n = 0; n < streams; ++n) EXPECT_EQ(arrived[n], static_cast<std::size_t>(packets)) << "stream " << n;
    EXPECT_EQ(h.drops(DropReason::history_pool_empty), 0u);
    // The history has become shorter; what was lost a moment ago is still in it.
    std::array<std::uint8_t, 128> buffer;
    wire::RtcpWriter out(buffer);
    const std::uint16_t missing[] = {static_cast<std::uint16_t>(1000 + packets - 20)};
    ASSERT_TRUE(out.nack(1, 0x9000, missing));
    h.send(all[0].viewer, out.finish());
    h.settle();
    EXPECT_EQ(media_packets(h.payloads_to(all[0].viewer, h.received())), 1u);
    EXPECT_EQ(h.total_drops(), 0u);
    for (const Stream& s : all) s.remove(h);
    EXPECT_EQ(in_use("history0"), 0u);
}

TEST(Overload, SmallPacketsTakeSmallBuffers) {
    Harness h;
    const Stream s(h, 0, 0);
    for (std::uint16_t n = 0; n < 100; ++n) h.send(s.publisher, vp8_packet(n, 3000u * n, s.ssrc, n == 0, 100));
    h.settle();
    EXPECT_EQ(in_use("history0"), 0u);
    EXPECT_EQ(in_use("history0s"), 100u);
    {
        // Now they are gone. Which buffers serve depends on how soon the ring gives up its oldest; nobody notices.
        const FakeHog hog("history0s");
        for (std::uint16_t n = 100; n < 150; ++n) h.send(s.publisher, vp8_packet(n, 3000u * n, s.ssrc, false, 100));
        h.settle();
    }
    EXPECT_EQ(media_packets(h.payloads_to(s.viewer, h.received())), 150u);
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST(Overload, SmallPacketsTakeOtherBuffersWhenTheirOwnAreGone) {
    const Harness eal;
    table::HistoryPool pool("fake_history", 1 << 20, SOCKET_ID_ANY);
    ASSERT_TRUE(pool.valid());
    std::vector<table::MediaPacket*> held;
    while (table::MediaPacket* packet = pool.take(100)) held.push_back(packet);
    EXPECT_EQ(held.size(), pool.size());
    EXPECT_EQ(pool.available(), 0u);
    EXPECT_EQ(std::string_view(held.front()->pool->name), "fake_historys");
    EXPECT_EQ(std::string_view(held.back()->pool->name), "fake_history");
    for (table::MediaPacket* packet : held) table::release(packet);
    EXPECT_EQ(pool.available(), pool.size());
}

TEST(Overload, StreamsThatFellSilentGiveTheirHistoryToThoseThatRun) {
    Harness h(2);
    std::vector<Stream> silent;
    // Watched across workers: the other worker holds packets of this one's pool too.
    for (std::uint16_t n = 0; n < 10; ++n) {
        silent.emplace_back(h, n, 0);
        const Peer far = h.add_peer(static_cast<std::uint16_t>(7000 + n), 1);
        h.add_video_leg(far, silent.back().source, 0xb000u + n);
        for (int i = 0; i < 1024; ++i) {
            silent.back().send(h);
            if (i % 64 == 0) {
                h.settle();
                (void)h.received();
            }
        }
        h.settle();
        (void)h.received();
    }
    ASSERT_GT(10 * 1024u, large_history_packets());
    Stream running(h, 50, 0);
    std::size_t arrived = 0;
    for (int i = 0; i < 3000; ++i) {
        running.send(h);
        h.settle();
        arrived += media_packets(h.payloads_to(running.viewer, h.received()));
    }
    EXPECT_EQ(arrived, 3000u);
    EXPECT_EQ(h.drops(DropReason::history_pool_empty), 0u);
}

// 50 packets of each: those of the worker that lacks something are lost, the other's all arrive.
void only_one_gets_through(Harness& h, Stream& hit, Stream& other) {
    for (int i = 0; i < 50; ++i) {
        hit.send(h);
        other.send(h);
        h.settle();
    }
    const auto frames = h.received();
    EXPECT_EQ(media_packets(h.payloads_to(hit.viewer, frames)), 0u);
    EXPECT_EQ(media_packets(h.payloads_to(other.viewer, frames)), 50u);
}

TEST(Overload, AnEmptyHistoryPoolIsNamedAndOtherWorkersGoOn) {
    Harness h(2);
    Stream hit(h, 0, 0);
    Stream other(h, 1, 1);
    hit.send(h);
    other.send(h);
    h.settle();
    EXPECT_EQ(media_packets(h.payloads_to(hit.viewer, h.received())), 1u);
    {
        const FakeHog hog("history0");
        only_one_gets_through(h, hit, other);
        EXPECT_EQ(h.drops(DropReason::history_pool_empty), 50u);
        // What needs no history still works.
        h.send(hit.viewer, check("uf000002:peer"));
        h.settle();
        EXPECT_EQ(answers(h.payloads_to(hit.viewer, h.received())), 1u);
    }
    for (int i = 0; i < 50; ++i) {
        hit.send(h);
        h.settle();
    }
    EXPECT_EQ(media_packets(h.payloads_to(hit.viewer, h.received())), 50u);
    EXPECT_EQ(h.total_drops(), 50u);
    hit.remove(h);
    other.remove(h);
    EXPECT_EQ(in_use("history0"), 0u);
    EXPECT_EQ(in_use("history1"), 0u);
}

TEST(Overload, AnEmptyTxPoolIsNamedAndOtherWorkersGoOn) {
    Harness h(2);
    Stream hit(h, 0, 0);
    Stream other(h, 1, 1);
    {
        const FakeHog hog("tx0");
        only_one_gets_through(h, hit, other);
        EXPECT_GE(h.drops(DropReason::tx_pool_empty), 50u);
    }
    const auto named = h.drops(DropReason::tx_pool_empty);
    std::size_t arrived = 0;
    for (int i = 0; i < 50; ++i) {
        if (i == 0) h.send(hit.publisher, vp8_packet(hit.sequence++, 3000u * hit.sequence, hit.ssrc, true));
        hit.send(h);
        h.settle();
    }
    arrived = media_packets(h.payloads_to(hit.viewer, h.received()));
    EXPECT_GE(arrived, 50u);
    EXPECT_EQ(h.drops(DropReason::tx_pool_empty), named);
    EXPECT_EQ(h.total_drops(), named);
    EXPECT_EQ(in_use("tx0"), 0u);
    EXPECT_EQ(in_use("tx1"), 0u);
}

TEST(Overload, AControlPlaneThatIsDownFillsThePuntRingsAndNobodyWhoWatchesNotices) {
    Harness h;
    Stream stream(h, 0, 0);
    ASSERT_EQ(h.program(h.unvalidated_spec(900)), abi::Status::ok);
    (void)h.received();
    std::size_t arrived = 0;
    std::uint64_t checks = 0;
    for (int i = 0; i < 200; ++i) {
        // Newcomers of many networks: each within its budget.
        for (int k = 0; k < 20; ++k) {
            Peer newcomer;
            newcomer.address = {*IpAddress::parse("10." + std::to_string(100 + k) + "." + std::to_string(i) + ".9"), 4000};
            h.send(newcomer, check("uf000900:peer"));
            ++checks;
        }
        stream.send(h);
        h.send(stream.viewer, check("uf000002:peer"));
        h.settle();
        const auto payloads = h.payloads_to(stream.viewer, h.received());
        arrived += media_packets(payloads) - answers(payloads);
    }
    EXPECT_EQ(arrived, 200u);
    EXPECT_EQ(h.counters().stun_answered, 200u) << "consent of those who watch";
    EXPECT_EQ(h.counters().punted, abi::RingLayout::slots);
    EXPECT_EQ(h.drops(DropReason::punt_ring_full) + h.drops(DropReason::stun_limited), checks - abi::RingLayout::slots);
    EXPECT_GT(h.drops(DropReason::punt_ring_full), 0u);
    EXPECT_EQ(h.total_drops(), checks - abi::RingLayout::slots);
    // It is back: it empties the rings, and newcomers are heard again.
    auto ring = punt_ring(h, abi::PuntClass::stun);
    ring.discard();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the class' budget fills again
    Peer late;
    late.address = {*IpAddress::parse("192.0.2.9"), 4000};
    h.send(late, check("uf000900:peer"));
    h.settle();
    EXPECT_EQ(h.counters().punted, abi::RingLayout::slots + 1u);
}

}  // namespace
}  // namespace sluice::test
