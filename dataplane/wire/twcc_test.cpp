#include "dataplane/wire/twcc.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace sluice::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Status {
    std::uint16_t sequence;
    bool received;
    std::int64_t ticks;  // absolute, in 250 us
};

std::vector<Status> statuses_of(const TwccFeedbackView& view) {
    std::vector<Status> out;
    std::int64_t ticks = std::int64_t{view.reference_time()} * 256;
    view.for_each([&](std::uint16_t sequence, bool received, std::int32_t delta) {
        ticks += delta;
        out.push_back({sequence, received, ticks});
    });
    return out;
}

TwccFeedbackView view_of(ByteView bytes) {
    auto reader = RtcpReader::parse(bytes);
    EXPECT_TRUE(reader) << to_string(reader.error());
    const auto view = TwccFeedbackView::parse(*reader->next());
    EXPECT_TRUE(view) << to_string(view.error());
    return *view;
}

TEST(Twcc, WritesARunByteForByte) {
    const TwccArrival arrivals[] = {{10, 64'000'000}, {11, 64'250'000}, {12, 65'000'000}};
    Bytes out(100);
    const auto written = TwccFeedbackWriter{1, 2, 7}.write(out, 10, arrivals);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->arrivals, 3U);
    out.resize(written->bytes);
    const Bytes golden{0xaf, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 3, 0, 0, 1, 7, 0x20, 3, 0, 1, 3, 0, 0, 3};
    EXPECT_EQ(out, golden);
}

TEST(Twcc, ReadsFeedbackThatIsPaddedWithoutThePaddingBit) {
    const Bytes bytes{0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 3, 0, 0, 1, 7, 0x20, 3, 0, 1, 3, 0, 0, 0};
    const auto got = statuses_of(view_of(bytes));
    ASSERT_EQ(got.size(), 3U);
    EXPECT_EQ(got[2].ticks, 256 + 4);
}

TEST(Twcc, ReadsRunsAndBothVectors) {
    // A run of two lost, a one-bit vector 10..., a two-bit vector with a negative delta.
    const Bytes bytes{0x8f, 205, 0, 7, 0, 0, 0,    1, 0,    0, 0, 2, 0xff, 0xff, 0, 18,
                      0,    0,   1, 0, 0, 2, 0xa0, 0, 0xd8, 0, 4, 2, 0xff, 0xfe, 0, 0};
    const auto got = statuses_of(view_of(bytes));
    ASSERT_EQ(got.size(), 18U);
    std::vector<std::pair<int, std::int64_t>> received;
    for (const Status& status : got) {
        if (status.received) received.emplace_back(status.sequence, status.ticks);
    }
    EXPECT_EQ(got[0].sequence, 0xffff);
    EXPECT_EQ(got[1].sequence, 0);
    EXPECT_EQ(received, (std::vector<std::pair<int, std::int64_t>>{{1, 260}, {15, 262}, {16, 260}}));
}

TEST(Twcc, RefusesEachDefectByName) {
    const Bytes good{0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 3, 0, 0, 1, 7, 0x20, 3, 0, 1, 3, 0, 0, 0};
    const auto error_of = [&](auto change) {
        Bytes bytes = good;
        change(bytes);
        auto reader = RtcpReader::parse(bytes).value();
        const auto view = TwccFeedbackView::parse(*reader.next());
        EXPECT_FALSE(view);
        return view ? RtcpError{} : view.error();
    };
    EXPECT_EQ(error_of([](Bytes& b) { b[0] = 0x81; }), RtcpError::wrong_type);
    EXPECT_EQ(error_of([](Bytes& b) {
                  b.resize(16);
                  b[3] = 3;
              }),
              RtcpError::truncated_body);
    EXPECT_EQ(error_of([](Bytes& b) { b[15] = 0; }), RtcpError::bad_content);     // no statuses
    EXPECT_EQ(error_of([](Bytes& b) { b[20] = 0x60; }), RtcpError::bad_content);  // reserved symbol
    EXPECT_EQ(error_of([](Bytes& b) { b[21] = 0; }), RtcpError::bad_content);     // empty run
    EXPECT_EQ(error_of([](Bytes& b) {
                  b[20] = 0xff;
                  b[21] = 0;
              }),
              RtcpError::bad_content);
    EXPECT_EQ(error_of([](Bytes& b) { b[14] = 1; }), RtcpError::truncated_body);  // statuses missing
    EXPECT_EQ(error_of([](Bytes& b) {
                  b[20] = 0x40;
                  b.resize(24);
                  b[3] = 5;
              }),
              RtcpError::truncated_body);
}

TEST(TwccWriter, RefusesWhatItCannotReport) {
    Bytes out(100);
    const TwccFeedbackWriter writer{1, 2, 0};
    const auto error_of = [&](std::uint16_t base, std::vector<TwccArrival> arrivals, std::size_t room = 100) {
        return writer.write(ByteSpan{out}.first(room), base, arrivals).error();
    };
    EXPECT_EQ(error_of(0, {}), TwccWriteError::nothing_to_report);
    EXPECT_EQ(error_of(5, {{4, 0}}), TwccWriteError::not_ascending);
    EXPECT_EQ(error_of(5, {{5, 0}, {5, 0}}), TwccWriteError::not_ascending);
    EXPECT_EQ(error_of(5, {{7, 0}, {6, 0}}), TwccWriteError::not_ascending);
    EXPECT_EQ(error_of(5, {{5, -1}}), TwccWriteError::negative_time);
    EXPECT_EQ(error_of(5, {{5, 0}, {6, -1}}), TwccWriteError::negative_time);
    EXPECT_EQ(error_of(5, {{5, 0}}, 23), TwccWriteError::buffer_too_small);
}

TEST(TwccWriter, EndsAMessageBeforeADeltaBeyondSixteenBits) {
    Bytes out(100);
    const TwccArrival arrivals[] = {{0, 0}, {1, 9'000'000'000}};
    const auto written = TwccFeedbackWriter{}.write(out, 0, arrivals);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->arrivals, 1U);
    EXPECT_EQ(view_of(ByteView{out}.first(written->bytes)).status_count(), 1);
}

TEST(TwccWriter, ReportsALongGapInAFewChunks) {
    Bytes out(100);
    const TwccArrival arrivals[] = {{0, 0}, {30'000, 1'000'000}};
    const auto written = TwccFeedbackWriter{}.write(out, 0, arrivals);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->arrivals, 2U);
    const auto got = statuses_of(view_of(ByteView{out}.first(written->bytes)));
    ASSERT_EQ(got.size(), 30'001U);
    EXPECT_EQ(std::count_if(got.begin(), got.end(), [](const Status& s) { return s.received; }), 2);
    EXPECT_TRUE(got.back().received);
}

TEST(TwccWriter, RoundTripsRandomArrivalsThroughBuffersOfAnySize) {
    std::mt19937 random(13);
    for (int round = 0; round < 20'000; ++round) {
        const auto base = static_cast<std::uint16_t>(random());
        const unsigned loss = random() % 3 == 0 ? 2 : 20;
        const std::int64_t jitter = random() % 3 == 0 ? 200'000'000 : 2'000'000;
        std::vector<TwccArrival> arrivals;
        auto sequence = base;
        std::int64_t now = static_cast<std::int64_t>(random()) * 1000 + 300'000'000;
        const std::size_t count = 1 + random() % 120;
        while (arrivals.size() < count) {
            if (random() % loss != 0) arrivals.push_back({sequence, now});
            ++sequence;
            now += static_cast<std::int64_t>(random()) % jitter;
            if (random() % 30 == 0) now -= jitter;
        }

        auto next_base = base;
        std::size_t done = 0;
        while (done < arrivals.size()) {
            Bytes out(24 + random() % 200);  // exact, so that a sanitizer sees an overflow
            const std::span<const TwccArrival> rest{arrivals.data() + done, arrivals.size() - done};
            const auto written = TwccFeedbackWriter{1, 2, 3}.write(out, next_base, rest);
            if (!written) {
                ASSERT_EQ(written.error(), TwccWriteError::buffer_too_small);
                continue;
            }
            ASSERT_GT(written->arrivals, 0U);
            ASSERT_EQ(written->bytes % 4, 0U);
            std::map<std::uint16_t, std::int64_t> expected;
            for (const auto& arrival : rest.first(written->arrivals)) {
                expected[arrival.sequence] = arrival.arrival_ns / twcc_tick_ns;
            }
            const auto view = view_of(ByteView{out}.first(written->bytes));
            ASSERT_EQ(view.base_sequence(), next_base);
            std::size_t received = 0;
            for (const Status& status : statuses_of(view)) {
                ASSERT_EQ(status.sequence, next_base++);
                ASSERT_EQ(status.received, expected.contains(status.sequence));
                if (!status.received) continue;
                // The reference time wraps at 24 bits of 64 ms; the deltas are exact.
                ASSERT_EQ(status.ticks, expected[status.sequence] % (std::int64_t{1} << 32));
                ++received;
            }
            ASSERT_EQ(received, written->arrivals);
            done += written->arrivals;
        }
    }
}

}  // namespace
}  // namespace sluice::wire
