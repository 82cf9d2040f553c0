#include "dataplane/wire/rtcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_reports.hpp"
#include "dataplane/wire/rtcp_writer.hpp"

namespace sluice::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

RtcpPacketView first_of(ByteView compound) {
    auto reader = RtcpReader::parse(compound);
    EXPECT_TRUE(reader) << to_string(reader.error());
    return reader->next().value();
}

TEST(RtcpReader, RefusesEachDefectByName) {
    const auto error_of = [](const Bytes& compound) {
        const auto reader = RtcpReader::parse(compound);
        EXPECT_FALSE(reader);
        return reader ? RtcpError{} : reader.error();
    };
    EXPECT_EQ(error_of({}), RtcpError::truncated_header);
    EXPECT_EQ(error_of({0x80, 201, 0}), RtcpError::truncated_header);
    EXPECT_EQ(error_of({0x40, 201, 0, 0}), RtcpError::bad_version);
    EXPECT_EQ(error_of({0x80, 96, 0, 0}), RtcpError::bad_type);
    EXPECT_EQ(error_of({0x80, 201, 0, 1, 0, 0, 0}), RtcpError::bad_length);
    EXPECT_EQ(error_of({0x80, 201, 0, 1, 0, 0, 0, 1, 0x80}), RtcpError::truncated_header);
    EXPECT_EQ(error_of({0xa0, 201, 0, 0}), RtcpError::bad_padding);
    EXPECT_EQ(error_of({0xa0, 201, 0, 1, 0, 0, 0, 0}), RtcpError::bad_padding);
    EXPECT_EQ(error_of({0xa0, 201, 0, 1, 0, 0, 0, 8}), RtcpError::bad_padding);
    EXPECT_EQ(error_of({0xa0, 201, 0, 1, 0, 0, 0, 3}), RtcpError::bad_padding);
}

TEST(RtcpReader, RemovesPadding) {
    const auto packet = first_of(Bytes{0xa0, 201, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4});
    EXPECT_EQ(packet.body.size(), 4U);
    EXPECT_EQ(packet.sender_ssrc, 9U);
}

TEST(RtcpReader, YieldsEveryPacketOfACompoundAndPassesOverXr) {
    Bytes buffer(300);
    RtcpWriter writer(buffer);
    ASSERT_TRUE(writer.receiver_report(1));
    ASSERT_TRUE(writer.sdes_cname(1, "cname"));
    const Bytes xr{0x80, 207, 0, 1, 0, 0, 0, 5};
    std::ranges::copy(xr, writer.room().begin());
    writer.commit(xr.size());
    ASSERT_TRUE(writer.pli(1, 2));
    auto reader = RtcpReader::parse(writer.finish()).value();
    std::vector<RtcpType> types;
    while (const auto packet = reader.next()) types.push_back(packet->type);
    EXPECT_EQ(types, (std::vector{RtcpType::receiver_report, RtcpType::source_description, RtcpType::extended_report,
                                  RtcpType::payload_feedback}));
}

TEST(RtcpReports, ReadASenderReportByteForByte) {
    const Bytes golden{0x81, 200, 0, 12, 0, 0, 0,  1,    1,    2,    3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0,
                       0,    11,  0, 0,  0, 2, 64, 0xff, 0xff, 0xfe, 0, 1, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0,  0, 8};
    const auto packet = first_of(golden);
    EXPECT_EQ(packet.sender_ssrc, 1U);
    const auto info = read_sender_info(packet);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->ntp, 0x0102030405060708U);
    EXPECT_EQ(info->rtp_timestamp, 9U);
    EXPECT_EQ(info->packet_count, 10U);
    EXPECT_EQ(info->octet_count, 11U);
    std::vector<ReportBlock> blocks;
    ASSERT_TRUE(for_each_report_block(packet, [&](const ReportBlock& block) { blocks.push_back(block); }));
    ASSERT_EQ(blocks.size(), 1U);
    EXPECT_EQ(blocks[0].ssrc, 2U);
    EXPECT_EQ(blocks[0].fraction_lost, 64);
    EXPECT_EQ(blocks[0].cumulative_lost, -2);
    EXPECT_EQ(blocks[0].highest_sequence, 0x10005U);
    EXPECT_EQ(blocks[0].jitter, 6U);
    EXPECT_EQ(blocks[0].last_sr, 7U);
    EXPECT_EQ(blocks[0].delay_since_last_sr, 8U);

    Bytes buffer(golden.size());
    RtcpWriter writer(buffer);
    ASSERT_TRUE(writer.sender_report(1, *info, blocks));
    EXPECT_EQ(buffer, golden);
}

TEST(RtcpReports, KeepACumulativeLossWithin24Bits) {
    Bytes buffer(100);
    for (const auto& [given, expected] : {std::pair{0x7000000, 0x7fffff}, {-0x7000000, -0x800000}, {-1, -1}}) {
        RtcpWriter writer(buffer);
        const ReportBlock blocks[] = {{.cumulative_lost = given}};
        ASSERT_TRUE(writer.receiver_report(1, blocks));
        ASSERT_TRUE(for_each_report_block(first_of(writer.finish()),
                                          [&](const ReportBlock& block) { EXPECT_EQ(block.cumulative_lost, expected); }));
    }
}

TEST(RtcpReports, RefuseABodyThatIsTooShort) {
    EXPECT_EQ(read_sender_info(first_of(Bytes{0x80, 200, 0, 1, 0, 0, 0, 1})).error(), RtcpError::truncated_body);
    EXPECT_EQ(report_blocks(first_of(Bytes{0x81, 201, 0, 1, 0, 0, 0, 1})).error(), RtcpError::truncated_body);
    EXPECT_EQ(report_blocks(first_of(Bytes{0x81, 203, 0, 1, 0, 0, 0, 1})).error(), RtcpError::wrong_type);
    EXPECT_EQ(read_sender_info(first_of(Bytes{0x81, 201, 0, 1, 0, 0, 0, 1})).error(), RtcpError::wrong_type);
    EXPECT_EQ(bye_sources(first_of(Bytes{0x82, 203, 0, 1, 0, 0, 0, 1})).error(), RtcpError::truncated_body);
    EXPECT_EQ(bye_sources(first_of(Bytes{0x81, 203, 0, 2, 0, 0, 0, 1, 4, 'a', 'b', 'c'})).error(),
              RtcpError::truncated_body);
    EXPECT_EQ(bye_sources(first_of(Bytes{0x80, 201, 0, 0})).error(), RtcpError::wrong_type);
}

TEST(RtcpReports, RoundTripByeAndCname) {
    Bytes buffer(600);
    const std::uint32_t ssrcs[] = {5, 6};
    for (std::size_t length = 1; length <= 255; ++length) {
        RtcpWriter writer(buffer);
        const std::string text(length, 'x');
        ASSERT_TRUE(writer.sdes_cname(77, text));
        ASSERT_TRUE(writer.bye(ssrcs, text));
        auto reader = RtcpReader::parse(writer.finish()).value();
        int cnames = 0;
        ASSERT_TRUE(for_each_cname(*reader.next(), [&](std::uint32_t ssrc, std::string_view cname) {
            ++cnames;
            EXPECT_EQ(ssrc, 77U);
            EXPECT_EQ(cname, text);
        }));
        EXPECT_EQ(cnames, 1);
        std::vector<std::uint32_t> left;
        ASSERT_TRUE(for_each_bye(*reader.next(), [&](std::uint32_t ssrc) { left.push_back(ssrc); }));
        EXPECT_EQ(left, (std::vector<std::uint32_t>{5, 6}));
    }
}

TEST(RtcpReports, ReadSeveralSdesChunks) {
    const Bytes bytes{0x82, 202, 0, 6, 0, 0, 0, 1, 2, 1, 'n', 1, 2, 'a', 'b', 0, 0, 0, 0, 2, 1, 1, 'c', 0, 0, 0, 0, 0};
    const auto packet = first_of(bytes);
    std::vector<std::string> names;
    ASSERT_TRUE(for_each_cname(packet, [&](std::uint32_t, std::string_view name) { names.emplace_back(name); }));
    EXPECT_EQ(names, (std::vector<std::string>{"ab", "c"}));
}

TEST(RtcpReports, RefuseABrokenSdes) {
    const auto result_of = [](const Bytes& bytes) {
        return for_each_cname(first_of(bytes), [](std::uint32_t, std::string_view) {}).error();
    };
    EXPECT_EQ(result_of({0x81, 202, 0, 0}), RtcpError::truncated_body);
    EXPECT_EQ(result_of({0x81, 202, 0, 1, 0, 0, 0, 1}), RtcpError::truncated_body);
    EXPECT_EQ(result_of({0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, 'a', 0}), RtcpError::truncated_body);
    EXPECT_EQ(result_of({0x81, 202, 0, 2, 0, 0, 0, 1, 1, 1, 'a', 1}), RtcpError::truncated_body);
    EXPECT_EQ(result_of({0x80, 201, 0, 0}), RtcpError::wrong_type);
}

TEST(RtcpFeedback, RoundTripsRandomNackLists) {
    std::mt19937 random(11);
    for (int round = 0; round < 5'000; ++round) {
        std::vector<std::uint16_t> wanted;
        std::uint16_t sequence = static_cast<std::uint16_t>(random());
        const std::size_t count = 1 + random() % 50;
        for (std::size_t i = 0; i < count; ++i) {
            wanted.push_back(sequence);
            sequence = static_cast<std::uint16_t>(sequence + 1 + random() % (random() % 3 == 0 ? 100 : 5));
        }
        Bytes buffer(400);
        RtcpWriter writer(buffer);
        ASSERT_TRUE(writer.nack(1, 2, wanted));
        const auto packet = first_of(writer.finish());
        EXPECT_EQ(feedback_media_ssrc(packet), 2U);
        std::vector<std::uint16_t> got;
        ASSERT_TRUE(for_each_nack(packet, [&](std::uint16_t lost) { got.push_back(lost); }));
        ASSERT_EQ(got, wanted);
    }
}

TEST(RtcpFeedback, PacksSeventeenNeighboursIntoOneNackItem) {
    std::vector<std::uint16_t> sequences;
    for (int i = 0; i < 17; ++i) sequences.push_back(static_cast<std::uint16_t>(65530 + i));
    Bytes buffer(100);
    RtcpWriter writer(buffer);
    ASSERT_TRUE(writer.nack(1, 2, sequences));
    EXPECT_EQ(writer.size(), 16U);
    EXPECT_EQ(load<be32>(buffer.data() + 12).value(), 0xfffaffffU);
}

TEST(RtcpFeedback, RoundTripsPliAndFir) {
    Bytes buffer(100);
    RtcpWriter writer(buffer);
    ASSERT_TRUE(writer.pli(1, 2));
    const FirEntry entries[] = {{3, 4}, {5, 255}};
    ASSERT_TRUE(writer.fir(1, entries));
    auto reader = RtcpReader::parse(writer.finish()).value();
    EXPECT_EQ(read_pli(*reader.next()), 2U);
    std::vector<std::pair<std::uint32_t, int>> got;
    ASSERT_TRUE(for_each_fir(*reader.next(), [&](std::uint32_t ssrc, std::uint8_t n) { got.emplace_back(ssrc, n); }));
    EXPECT_EQ(got, (std::vector<std::pair<std::uint32_t, int>>{{3, 4}, {5, 255}}));
}

TEST(RtcpFeedback, RoundTripsRembWithin18BitsOfPrecision) {
    const std::uint32_t ssrcs[] = {7, 8, 9};
    for (const std::uint64_t bitrate : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x3ffff}, std::uint64_t{0x40000},
                                        std::uint64_t{2'500'000}, std::uint64_t{10'000'000'000}, ~std::uint64_t{0}}) {
        Bytes buffer(100);
        RtcpWriter writer(buffer);
        ASSERT_TRUE(writer.remb(1, bitrate, ssrcs));
        const auto remb = read_remb(first_of(writer.finish()));
        ASSERT_TRUE(remb);
        EXPECT_LE(remb->bitrate, bitrate);
        EXPECT_LE(bitrate - remb->bitrate, bitrate >> 17);
        ASSERT_EQ(remb->source_count(), 3U);
        EXPECT_EQ(remb->source(2), 9U);
    }
}

TEST(RtcpFeedback, SaturatesARembBeyond64Bits) {
    const auto remb =
        read_remb(first_of(Bytes{0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 0, 0xff, 0xff, 0xff}));
    ASSERT_TRUE(remb);
    EXPECT_EQ(remb->bitrate, ~std::uint64_t{0});
}

TEST(RtcpFeedback, RefusesABrokenBody) {
    EXPECT_EQ(nack_items(first_of(Bytes{0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2})).error(), RtcpError::truncated_body);
    EXPECT_EQ(nack_items(first_of(Bytes{0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2})).error(), RtcpError::wrong_type);
    EXPECT_EQ(read_pli(first_of(Bytes{0x81, 206, 0, 1, 0, 0, 0, 1})).error(), RtcpError::truncated_body);
    EXPECT_EQ(fir_entries(first_of(Bytes{0x84, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3})).error(),
              RtcpError::truncated_body);
    EXPECT_EQ(read_remb(first_of(Bytes{0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'X'})).error(),
              RtcpError::wrong_type);
    EXPECT_EQ(read_remb(first_of(Bytes{0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B'})).error(),
              RtcpError::truncated_body);
    EXPECT_EQ(read_remb(first_of(Bytes{0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0, 0, 0})).error(),
              RtcpError::truncated_body);
}

TEST(RtcpWriter, RefusesArgumentsOutOfRangeAndWritesNothing) {
    Bytes buffer(3000);
    RtcpWriter writer(buffer);
    const std::vector<ReportBlock> blocks(32);
    const std::vector<std::uint32_t> ssrcs(256);
    EXPECT_FALSE(writer.sender_report(1, {}, blocks));
    EXPECT_FALSE(writer.receiver_report(1, blocks));
    EXPECT_FALSE(writer.sdes_cname(1, ""));
    EXPECT_FALSE(writer.sdes_cname(1, std::string(256, 'x')));
    EXPECT_FALSE(writer.bye({}));
    EXPECT_FALSE(writer.bye(ssrcs));
    EXPECT_FALSE(writer.nack(1, 2, {}));
    EXPECT_FALSE(writer.fir(1, {}));
    EXPECT_FALSE(writer.remb(1, 1, ssrcs));
    EXPECT_EQ(writer.size(), 0U);
}

TEST(RtcpWriter, NeverWritesBeyondTheBuffer) {
    const ReportBlock blocks[2] = {};
    const std::uint32_t ssrcs[] = {1, 2};
    const std::uint16_t sequences[] = {1, 2, 90};
    const FirEntry fir[] = {{1, 1}};
    using Write = bool (*)(RtcpWriter&, const ReportBlock(&)[2], const std::uint32_t(&)[2], const std::uint16_t(&)[3],
                           const FirEntry(&)[1]);
    const Write writes[] = {
        [](RtcpWriter& w, auto& b, auto&, auto&, auto&) { return w.sender_report(1, {}, b); },
        [](RtcpWriter& w, auto& b, auto&, auto&, auto&) { return w.receiver_report(1, b); },
        [](RtcpWriter& w, auto&, auto&, auto&, auto&) { return w.sdes_cname(1, "abcde"); },
        [](RtcpWriter& w, auto&, auto& s, auto&, auto&) { return w.bye(s, "why"); },
        [](RtcpWriter& w, auto&, auto&, auto& n, auto&) { return w.nack(1, 2, n); },
        [](RtcpWriter& w, auto&, auto&, auto&, auto&) { return w.pli(1, 2); },
        [](RtcpWriter& w, auto&, auto&, auto&, auto& f) { return w.fir(1, f); },
        [](RtcpWriter& w, auto&, auto& s, auto&, auto&) { return w.remb(1, 5, s); },
    };
    for (const Write write : writes) {
        Bytes large(200);
        RtcpWriter whole(large);
        ASSERT_TRUE(write(whole, blocks, ssrcs, sequences, fir));
        for (std::size_t size = 0; size <= whole.size(); ++size) {
            Bytes small(size);  // exact, so that a sanitizer sees an overflow
            RtcpWriter writer(small);
            ASSERT_EQ(write(writer, blocks, ssrcs, sequences, fir), size == whole.size());
        }
    }
}

}  // namespace
}  // namespace sluice::wire
