#include "tools/sluicectl/snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cstring>

#include "dataplane/telemetry/segment.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/views.hpp"

namespace sluice::ctl {
namespace {

using namespace std::chrono_literals;

// The segment as the data plane makes it, read as an observer does.
class SnapshotTest : public ::testing::Test {
protected:
    SnapshotTest()
        : segment(*telemetry::Segment::create(
              {.workers = 2, .ports = 1, .max_transports = 8, .max_sources = 4, .max_legs = 16})),
          view(*dpclient::SegmentView::open(UniqueFd(segment.memory().read_only_fd()))) {}

    Snapshot at(std::chrono::nanoseconds when) { return take(view, when, 1'700'000'000'000'000'000 + when.count()); }

    telemetry::Segment segment;
    dpclient::SegmentView view;
};

std::size_t index(abi::DropReason reason) {
    return static_cast<std::size_t>(reason);
}

TEST_F(SnapshotTest, ReadsWhatTheDataPlaneWrote) {
    segment.header().blob_bytes = 77;
    std::strcpy(segment.header().sealer, "ipsec_mb");
    segment.transport(3).id = 9;
    segment.leg(1).id = 4;
    segment.leg(2).id = 5;
    const Snapshot s = at(0s);
    EXPECT_EQ(s.workers.size(), 2U);
    EXPECT_EQ(s.ports.size(), 1U);
    EXPECT_EQ(s.boot_id, segment.header().boot_id);
    EXPECT_EQ(s.sealer, "ipsec_mb");
    EXPECT_EQ(s.blob_bytes, 77U);
    EXPECT_EQ(s.transports.used, 1U);
    EXPECT_EQ(s.transports.limit, 8U);
    EXPECT_EQ(s.sources.used, 0U);
    EXPECT_EQ(s.legs.used, 2U);
}

TEST_F(SnapshotTest, DividesByTheTimeBetweenTheSamples) {
    segment.worker(0).rtp_out = 1000;
    const Snapshot before = at(10s);
    segment.worker(0).loops = 5;
    segment.worker(0).rtp_out = 2000;
    segment.worker(0).tx_bytes = 1000;
    segment.worker(1).rtp_out = 500;
    segment.worker(0).busy_cycles = 250;
    segment.worker(0).total_cycles = 1000;
    segment.port(0).rx_packets = 40;
    segment.port(0).rx_missed = 2;
    segment.header().heartbeat = 1;
    const Rates r = rates_of(before, at(12s));
    EXPECT_TRUE(r.known);
    EXPECT_FALSE(r.stalled);
    EXPECT_DOUBLE_EQ(r.seconds, 2);
    EXPECT_DOUBLE_EQ(r.workers[0].rtp_out, 500);
    EXPECT_DOUBLE_EQ(r.workers[0].tx_bits, 4000);
    EXPECT_DOUBLE_EQ(r.workers[0].busy, 0.25);
    EXPECT_DOUBLE_EQ(r.total.rtp_out, 750);
    EXPECT_DOUBLE_EQ(r.total.busy, 0.125) << "the mean of the workers";
    EXPECT_DOUBLE_EQ(r.ports[0].rx_packets, 20);
    EXPECT_DOUBLE_EQ(r.ports[0].lost, 1);
    EXPECT_FALSE(r.workers[0].stalled);
    EXPECT_TRUE(r.workers[1].stalled) << "it finished no iteration";
    EXPECT_TRUE(r.total.stalled);
}

TEST_F(SnapshotTest, CountsDropsOfAllWorkers) {
    segment.worker(0).drops[index(abi::DropReason::srtp_auth)] = 5;
    const Snapshot before = at(0s);
    segment.worker(0).drops[index(abi::DropReason::srtp_auth)] = 8;
    segment.worker(1).drops[index(abi::DropReason::srtp_auth)] = 1;
    segment.worker(1).drops[abi::drop_reason_slots - 1] = 6;  // of a newer data plane
    const Rates r = rates_of(before, at(2s));
    ASSERT_EQ(r.drops.size(), abi::drop_reason_count) << "every known reason but none, and the unknown one";
    const DropRate& d = r.drops[index(abi::DropReason::srtp_auth) - 1];
    EXPECT_EQ(d.name, "srtp_auth");
    EXPECT_EQ(d.severity, "notice");
    EXPECT_EQ(d.help, "SRTP authentication failed");
    EXPECT_EQ(d.count, 9U);
    EXPECT_DOUBLE_EQ(d.per_second, 2);
    EXPECT_EQ(r.drops.back().name, "reason_127");
    EXPECT_EQ(r.drops.back().severity, "unknown");
    EXPECT_DOUBLE_EQ(r.workers[0].drops, 1.5);
}

TEST_F(SnapshotTest, KnowsNoRatesAcrossARestart) {
    const Snapshot before = at(0s);
    segment.worker(0).rtp_out = 100;
    segment.header().boot_id[0] ^= 1;
    const Rates r = rates_of(before, at(1s));
    EXPECT_FALSE(r.known);
    EXPECT_FALSE(r.stalled);
    EXPECT_DOUBLE_EQ(r.total.rtp_out, 0);
    EXPECT_FALSE(r.total.stalled);
    EXPECT_FALSE(rates_of(before, before).known) << "no time passed";
}

TEST_F(SnapshotTest, SeesAHeartbeatThatStands) {
    const Snapshot before = at(0s);
    EXPECT_TRUE(rates_of(before, at(1s)).stalled);
}

TEST(PerSecond, TakesACounterThatWentBackwardsForAFreshOne) {
    EXPECT_DOUBLE_EQ(per_second(10, 30, 2), 10);
    EXPECT_DOUBLE_EQ(per_second(30, 10, 2), 0);
    EXPECT_DOUBLE_EQ(per_second(10, 30, 0), 0);
}

TEST_F(SnapshotTest, BoundsLatencyByPowersOfTwo) {
    segment.worker(0).latency_ns[20] = 1'000'000;  // of long ago: only the interval counts
    const Snapshot before = at(0s);
    segment.worker(0).latency_ns[14] += 98;
    segment.worker(0).latency_ns[17] += 2;
    const Rates r = rates_of(before, at(1s));
    EXPECT_DOUBLE_EQ(r.workers[0].latency_p50_us, 16.384);
    EXPECT_DOUBLE_EQ(r.workers[0].latency_p99_us, 131.072);
    EXPECT_DOUBLE_EQ(r.workers[0].loop_p99_us, 0);
    EXPECT_DOUBLE_EQ(r.workers[1].latency_p50_us, 0);
}

TEST_F(SnapshotTest, ShowsDropsThatHappenedAndListsAllInJson) {
    segment.worker(0).drops[index(abi::DropReason::no_legs)] = 12'345;
    const Snapshot now = at(0s);
    const Rates rates = rates_of(now, now);
    const View some = drops_view(now, rates, {});
    EXPECT_EQ(some.text,
              "REASON   SEVERITY   COUNT  PER S  MEANING\nno_legs  normal    12,345      0  nobody watches this source\n");
    EXPECT_EQ(some.data.at("drops").as_array().size(), abi::drop_reason_count - 1);
    const View all = drops_view(now, rates, {.all = true});
    EXPECT_THAT(all.text, testing::HasSubstr("srtp_replay"));
}

TEST_F(SnapshotTest, ShowsPoolsAndTheirLimits) {
    segment.worker(0).history_total = 100;
    segment.worker(0).history_free = 25;
    segment.header().blob_budget = 1 << 20;
    const View memory = memory_view(at(0s), {});
    EXPECT_THAT(memory.text, testing::HasSubstr("legs:           0 of 16\n"));
    EXPECT_THAT(memory.text, testing::HasSubstr("75.0 %"));
    EXPECT_EQ(memory.data.at("legs").at("limit").to_number<int>(), 16);
    EXPECT_EQ(memory.data.at("blobs").at("budget").to_number<int>(), 1 << 20);
}

TEST_F(SnapshotTest, FitsTopToTheLinesOfTheScreen) {
    const Snapshot now = at(0s);
    const Rates rates = rates_of(now, now);
    const auto lines = [&](std::size_t limit) {
        return std::ranges::count(top_view(now, rates, PlaneState{false, "gone"}, {}, limit).text, '\n');
    };
    EXPECT_EQ(lines(4), 4);
    EXPECT_EQ(lines(1), 1);
    EXPECT_GT(lines(0), 8);
    EXPECT_EQ(lines(500), lines(0));
    EXPECT_THAT(top_view(now, rates, PlaneState{false, "gone"}, {}, 0).text, testing::HasSubstr("control plane DOWN"));
}

TEST_F(SnapshotTest, CutsTopToTheWidthOfTheScreen) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
    const Snapshot now = at(0s);
    const std::string text = top_view(now, rates_of(now, now), {}, {.width = 40}, 0).text;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        EXPECT_LE(width_of(text.substr(at, text.find('\n', at) - at)), 40U);
    }
    std::setlocale(LC_CTYPE, "C");
}

TEST_F(SnapshotTest, ShowsPortsWithTheirOffloads) {
    auto& port = segment.port(0);
    std::strcpy(port.name, "net_tap0");
    port.mtu = 1500;
    port.offloads = 0b110;
    port.rx_errors = 1;
    port.tx_errors = 2;
    const Snapshot now = at(0s);
    const View ports = ports_view(now, rates_of(now, now), {});
    EXPECT_THAT(ports.text, testing::HasSubstr("net_tap0  00:00:00:00:00:00"));
    EXPECT_THAT(ports.text, testing::EndsWith("udp_checksum rte_flow\n"));
    EXPECT_EQ(ports.data.at("ports").at(0).at("offloads").as_array().size(), 2U);
    EXPECT_EQ(ports.data.at("ports").at(0).at("counters").at("tx_errors").to_number<int>(), 2);
}

}  // namespace
}  // namespace sluice::ctl
