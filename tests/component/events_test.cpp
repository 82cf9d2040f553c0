// Main may be slow to take a worker's events: what is lost is counted, and what matters of it arrives all the same.

#include <chrono>
#include <thread>

#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/stun_checks.hpp"

namespace sluice::test {
namespace {

// Each receiver report from the other port moves the peer's path: one event each.
class Events : public testing::Test {
protected:
    void SetUp() override {
        moved = peer = h.add_peer(6000);
        moved.address.port = 6001;
        h.send(moved, check("uf000001:peer"));
        h.settle();
        std::array<std::uint8_t, 64> buffer;
        wire::RtcpWriter out(buffer);
        ASSERT_TRUE(out.receiver_report(1));
        const ByteView bytes = out.finish();
        report.assign(bytes.begin(), bytes.end());
    }
    // Works without main.
    void iterate() {
        while (h.plane().worker(0).iterate()) continue;
    }
    void fill_the_ring() {
        for (std::size_t n = 0; n < control::WorkerLink::ring_size + 40; ++n) {
            h.send(n % 2 == 0 ? moved : peer, report);
            if (n % 64 == 63) iterate();
        }
        iterate();
    }
    template <typename Spec>
    Spec main_has(abi::MessageType type, std::uint64_t id) {
        Spec found;
        (void)h.plane().registry().dump([&](ByteView record) {
            if (load<abi::MessageHeader>(record.data()).type != type) return;
            const auto spec = abi::read_as<Spec>(record);
            if (spec && static_cast<std::uint64_t>(spec->id) == id) found = *spec;
        });
        return found;
    }
    // Ticks are 5 ms apart: at least one comes after each pause, however long the pause was.
    void run(int ticks) {
        for (int i = 0; i < ticks; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            h.settle();
        }
    }
    Harness h;
    Peer peer;
    Peer moved;
    Frame report;
};

TEST_F(Events, ThatFindMainBusyAreCountedAndThePathConverges) {
    fill_the_ring();
    EXPECT_EQ(h.counters().events_lost, 40u);
    h.send(moved, report);
    iterate();
    EXPECT_EQ(h.counters().events_lost, 41u);
    run(6);
    const auto spec = main_has<abi::TransportSpec>(abi::MessageType::upsert_transport, peer.transport);
    EXPECT_EQ(spec.path.remote_port, 6001);
    EXPECT_EQ(h.counters().events_lost, 41u) << "sending again is no further loss";
}

TEST_F(Events, TheSsrcOfASourceConvergesToo) {
    const auto source = h.add_video_source(peer, 0);
    fill_the_ring();
    const auto lost = h.counters().events_lost;
    h.send(peer, vp8_packet(1, 0, 0xabcd, true));
    iterate();
    EXPECT_GT(h.counters().events_lost, lost);
    EXPECT_EQ(main_has<abi::SourceSpec>(abi::MessageType::upsert_source, source).ssrc, 0u);
    run(6);
    EXPECT_EQ(main_has<abi::SourceSpec>(abi::MessageType::upsert_source, source).ssrc, 0xabcdu);
}

}  // namespace
}  // namespace sluice::test
