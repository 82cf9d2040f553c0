#include "dataplane/media/twcc_recorder.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace sluice::media {
namespace {

constexpr std::int64_t ms = 1'000'000;

class TwccRecorderTest : public ::testing::Test {
protected:
    TwccRecorder::Batch pending() { return recorder.pending(scratch); }
    std::vector<std::uint16_t> sequences(const TwccRecorder::Batch& b) {
        std::vector<std::uint16_t> out;
        for (const auto& a : b.arrivals) out.push_back(a.sequence);
        return out;
    }
    TwccRecorder recorder;
    std::vector<wire::TwccArrival> scratch = std::vector<wire::TwccArrival>(TwccRecorder::ring_size);
};

using Sequences = std::vector<std::uint16_t>;

TEST_F(TwccRecorderTest, SpeaksEvery100MsAndOnlyOfArrivals) {
    EXPECT_FALSE(recorder.due(0));
    EXPECT_EQ(recorder.due_ns(), INT64_MAX);
    recorder.on_packet(10, 1 * ms);
    EXPECT_TRUE(recorder.due(1 * ms));
    recorder.reported(pending().arrivals.size(), 1 * ms);
    EXPECT_FALSE(recorder.due(100 * ms));
    recorder.on_packet(11, 2 * ms);
    EXPECT_FALSE(recorder.due(100 * ms));
    EXPECT_TRUE(recorder.due(101 * ms));
    EXPECT_EQ(pending().feedback_count, 1);
}

TEST_F(TwccRecorderTest, MuchWaitsForLessAndVeryMuchForNothing) {
    recorder.on_packet(0, 1 * ms);
    recorder.reported(1, 1 * ms);
    std::vector<std::int64_t> due;
    for (std::uint16_t n = 1; n <= TwccRecorder::flush_at; ++n) {
        const std::int64_t before = recorder.due_ns();
        recorder.on_packet(n, 2 * ms);
        if (recorder.due_ns() == before) continue;
        EXPECT_TRUE(recorder.due_has_changed());
        due.push_back(recorder.due_ns());
    }
    EXPECT_EQ(due, (std::vector<std::int64_t>{101 * ms, 51 * ms, INT64_MIN}));
}

TEST_F(TwccRecorderTest, ReportsAGapAcrossTheWrapAndThenItsLateArrival) {
    recorder.on_packet(65'534, 1 * ms);
    recorder.on_packet(1, 2 * ms);
    auto batch = pending();
    EXPECT_EQ(batch.base_seq, 65'534);
    EXPECT_EQ(sequences(batch), (Sequences{65'534, 1}));
    recorder.reported(2, 2 * ms);
    recorder.on_packet(65'535, 3 * ms);
    batch = pending();
    EXPECT_EQ(batch.base_seq, 65'535);
    EXPECT_EQ(sequences(batch), (Sequences{65'535, 1}));
    EXPECT_EQ(batch.arrivals[0].arrival_ns, 3 * ms);
}

TEST_F(TwccRecorderTest, BeginsTheNextFeedbackWithTheLossesBehindTheLast) {
    recorder.on_packet(1, 1 * ms);
    recorder.reported(1, 1 * ms);
    recorder.on_packet(4, 2 * ms);
    EXPECT_EQ(pending().base_seq, 2);
    EXPECT_EQ(sequences(pending()), (Sequences{4}));
}

TEST_F(TwccRecorderTest, KeepsTheFirstArrivalOfADuplicate) {
    recorder.on_packet(1, 1 * ms);
    recorder.on_packet(1, 9 * ms);
    EXPECT_EQ(recorder.received(), 1u);
    EXPECT_EQ(pending().arrivals[0].arrival_ns, 1 * ms);
}

TEST_F(TwccRecorderTest, GoesOnWhereAPartialReportEnded) {
    for (std::uint16_t i = 0; i < 600; ++i) recorder.on_packet(i, i * ms);
    EXPECT_TRUE(recorder.due(0));
    recorder.reported(500, 599 * ms);
    EXPECT_EQ(pending().base_seq, 500);
    EXPECT_EQ(pending().arrivals.size(), 100u);
    recorder.reported(100, 599 * ms);
    EXPECT_EQ(recorder.unreported(), 0u);
}

TEST_F(TwccRecorderTest, ForgetsWhatTheRingNoLongerHolds) {
    recorder.on_packet(1, 1 * ms);
    recorder.on_packet(5'000, 2 * ms);
    EXPECT_EQ(sequences(pending()), (Sequences{5'000}));
    EXPECT_EQ(pending().base_seq, 5'000 - TwccRecorder::ring_size + 1);
    recorder.on_packet(3'000, 3 * ms);
    EXPECT_EQ(recorder.received(), 2u);
}

TEST_F(TwccRecorderTest, FeedsTheWriterAsTheHeaderSays) {
    for (std::uint16_t seq : {65'530, 65'531, 65'535, 2, 3}) recorder.on_packet(seq, 100 * ms + seq * 1000);
    std::vector<std::uint8_t> out(200);
    const auto batch = pending();
    const wire::TwccFeedbackWriter writer{.sender_ssrc = 1, .media_ssrc = 2, .feedback_count = batch.feedback_count};
    const auto written = writer.write(out, batch.base_seq, batch.arrivals);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->arrivals, 5u);
    recorder.reported(written->arrivals, 200 * ms);
    EXPECT_FALSE(recorder.due(1000 * ms));
}

TEST_F(TwccRecorderTest, ReportsEveryArrivalInRandomTraffic) {
    std::mt19937_64 rng(2);
    std::map<std::int64_t, std::int64_t> oracle;  // arrived, by sequence
    std::map<std::int64_t, std::int64_t> told;
    std::int64_t head = 65'000, now = 0, next = -1;
    for (int i = 0; i < 500'000; ++i) {
        now += static_cast<std::int64_t>(rng() % ms);
        std::int64_t seq = head;
        if (rng() % 10 != 0) {
            seq = head += 1 + (rng() % 30 == 0 ? static_cast<std::int64_t>(rng() % 20) : 0);
        } else {
            seq = std::max<std::int64_t>(65'000, head - static_cast<std::int64_t>(rng() % 100));
        }
        recorder.on_packet(static_cast<std::uint16_t>(seq), now);
        oracle.try_emplace(seq, now);
        if (!recorder.due(now)) continue;
        const auto batch = pending();
        ASSERT_FALSE(batch.arrivals.empty());
        std::uint16_t before = static_cast<std::uint16_t>(batch.base_seq - 1);
        const std::size_t said = 1 + rng() % batch.arrivals.size();
        for (std::size_t k = 0; k < said; ++k) {
            const auto& a = batch.arrivals[k];
            ASSERT_GT(static_cast<std::int16_t>(a.sequence - before), 0);
            before = a.sequence;
            const std::int64_t full = head + static_cast<std::int16_t>(a.sequence - static_cast<std::uint16_t>(head));
            ASSERT_TRUE(oracle.contains(full));
            ASSERT_EQ(oracle[full], a.arrival_ns);
            told.insert_or_assign(full, a.arrival_ns);
            next = full;
        }
        recorder.reported(said, now);
    }
    for (const auto& [seq, at] : oracle) {
        if (seq > head - 100 || seq > next) break;
        ASSERT_TRUE(told.contains(seq)) << seq;
    }
}

}  // namespace
}  // namespace sluice::media
