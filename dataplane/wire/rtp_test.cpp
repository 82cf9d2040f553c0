#include "dataplane/wire/rtp.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "dataplane/wire/rtp_writer.hpp"

namespace sluice::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes fixed_header(std::uint8_t first = 0x80) {
    return {first, 0xe0, 0x12, 0x34, 0, 0, 1, 0, 0xca, 0xfe, 0, 1};
}

Bytes with(Bytes head, const Bytes& tail) {
    head.insert(head.end(), tail.begin(), tail.end());
    return head;
}

TEST(RtpView, ReadsTheFixedHeader) {
    const Bytes packet = with(fixed_header(), {1, 2, 3});
    const auto view = RtpView::parse(packet);
    ASSERT_TRUE(view);
    EXPECT_TRUE(view->marker());
    EXPECT_EQ(view->payload_type(), 96);
    EXPECT_EQ(view->sequence(), 0x1234);
    EXPECT_EQ(view->timestamp(), 256U);
    EXPECT_EQ(view->ssrc(), 0xcafe0001U);
    EXPECT_EQ(view->header_size(), 12U);
    EXPECT_EQ(view->payload().size(), 3U);
    EXPECT_FALSE(view->has_extension());
    EXPECT_EQ(view->extension_profile(), 0);
    EXPECT_TRUE(view->extension().empty());
}

TEST(RtpView, ReadsCsrcsExtensionAndPaddingTogether) {
    const Bytes packet =
        with(fixed_header(0xb2), {0, 0, 0, 7, 0, 0, 0, 8, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 9, 9, 9, 0, 2});
    const auto view = RtpView::parse(packet);
    ASSERT_TRUE(view) << to_string(view.error());
    EXPECT_EQ(view->csrc_count(), 2);
    EXPECT_EQ(view->csrc(1), 8U);
    EXPECT_EQ(view->header_size(), 28U);
    EXPECT_EQ(view->padding_size(), 2U);
    EXPECT_EQ(view->payload().size(), 3U);
    ASSERT_TRUE(view->find_extension(1));
    EXPECT_EQ((*view->find_extension(1))[0], 0xaa);
    EXPECT_FALSE(view->find_extension(2));

    const auto sealed = RtpView::parse(packet, RtpView::Padding::keep);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(sealed->payload().size(), 5U);
}

TEST(RtpView, RefusesEachDefectByName) {
    const auto error_of = [](const Bytes& packet) {
        const auto view = RtpView::parse(packet);
        EXPECT_FALSE(view);
        return view ? RtpError{} : view.error();
    };
    EXPECT_EQ(error_of({}), RtpError::truncated_header);
    EXPECT_EQ(error_of(Bytes(11, 0x80)), RtpError::truncated_header);
    EXPECT_EQ(error_of(fixed_header(0x40)), RtpError::bad_version);
    EXPECT_EQ(error_of(with(fixed_header(0x82), {0, 0, 0, 1})), RtpError::truncated_csrc);
    EXPECT_EQ(error_of(with(fixed_header(0x90), {0xbe, 0xde, 0})), RtpError::truncated_extension);
    EXPECT_EQ(error_of(with(fixed_header(0x90), {0xbe, 0xde, 0, 2, 0, 0, 0, 0})), RtpError::truncated_extension);
    EXPECT_EQ(error_of(fixed_header(0xa0)), RtpError::bad_padding);
    EXPECT_EQ(error_of(with(fixed_header(0xa0), {0})), RtpError::bad_padding);
    EXPECT_EQ(error_of(with(fixed_header(0xa0), {1, 3})), RtpError::bad_padding);
}

TEST(RtpView, AcceptsAPacketThatIsAllPadding) {
    const auto view = RtpView::parse(with(fixed_header(0xa0), {0, 0, 3}));
    ASSERT_TRUE(view);
    EXPECT_TRUE(view->payload().empty());
}

struct Elements {
    bool well_formed;
    std::vector<std::pair<int, Bytes>> seen;
};

Elements elements_of(std::uint16_t profile, const Bytes& block) {
    Bytes packet = fixed_header(0x90);
    packet.push_back(static_cast<std::uint8_t>(profile >> 8));
    packet.push_back(static_cast<std::uint8_t>(profile));
    packet.push_back(0);
    packet.push_back(static_cast<std::uint8_t>(block.size() / 4));
    packet = with(packet, block);
    Elements out{};
    out.well_formed = RtpView::parse(packet).value().for_each_extension(
        [&](std::uint8_t id, ByteView value) { out.seen.emplace_back(id, Bytes(value.begin(), value.end())); });
    return out;
}

TEST(RtpExtensions, WalkTheOneByteForm) {
    const auto got = elements_of(0xbede, {0x10, 7, 0, 0, 0x22, 1, 2, 3});
    EXPECT_TRUE(got.well_formed);
    EXPECT_EQ(got.seen, (std::vector<std::pair<int, Bytes>>{{1, {7}}, {2, {1, 2, 3}}}));
}

TEST(RtpExtensions, StopAtTheReservedIdFifteen) {
    const auto got = elements_of(0xbede, {0x10, 7, 0xf0, 1, 0x20, 1, 0, 0});
    EXPECT_TRUE(got.well_formed);
    EXPECT_EQ(got.seen.size(), 1U);
}

TEST(RtpExtensions, WalkTheTwoByteFormWithAnyApplicationBits) {
    const auto got = elements_of(0x1005, {1, 0, 0, 20, 3, 1, 2, 3});
    EXPECT_TRUE(got.well_formed);
    EXPECT_EQ(got.seen, (std::vector<std::pair<int, Bytes>>{{1, {}}, {20, {1, 2, 3}}}));
}

TEST(RtpExtensions, ReportAnElementThatOverrunsTheBlock) {
    auto got = elements_of(0xbede, {0x10, 7, 0x23, 1});
    EXPECT_FALSE(got.well_formed);
    EXPECT_EQ(got.seen.size(), 1U);
    EXPECT_FALSE(elements_of(0x1000, {1, 3, 0, 0}).well_formed);
    EXPECT_FALSE(elements_of(0x1000, {0, 0, 0, 1}).well_formed);
}

TEST(RtpExtensions, OfAnUnknownProfileAreNone) {
    const auto got = elements_of(0x4321, {0x10, 7, 0x23, 1});
    EXPECT_TRUE(got.well_formed);
    EXPECT_TRUE(got.seen.empty());
}

TEST(RtpWriter, RoundTripsRandomHeaders) {
    std::mt19937 random(5);
    for (int round = 0; round < 20'000; ++round) {
        const bool wide = random() % 2 != 0;
        RtpHeader header{static_cast<std::uint8_t>(random() % 128), random() % 2 != 0, static_cast<std::uint16_t>(random()),
                         static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())};
        std::map<std::uint8_t, Bytes> values;
        const std::size_t count = random() % 6;
        while (values.size() < count) {
            Bytes value(wide ? random() % 40 : 1 + random() % 16);
            for (auto& byte : value) byte = static_cast<std::uint8_t>(random());
            values[static_cast<std::uint8_t>(1 + random() % (wide ? 255 : 14))] = value;
        }
        std::vector<RtpExtensionElement> elements;
        for (const auto& [id, value] : values) elements.push_back({id, value});

        Bytes out(1500);
        const auto size = write_rtp_header(out, header, elements);
        ASSERT_TRUE(size);
        ASSERT_EQ(*size % 4, 0U);
        Bytes exact(*size);
        ASSERT_TRUE(write_rtp_header(exact, header, elements));
        Bytes small(*size - 1);
        ASSERT_EQ(write_rtp_header(small, header, elements).error(), RtpWriteError::buffer_too_small);

        const auto view = RtpView::parse(exact);
        ASSERT_TRUE(view);
        ASSERT_EQ(view->header_size(), *size);
        ASSERT_EQ(view->payload_type(), header.payload_type);
        ASSERT_EQ(view->marker(), header.marker);
        ASSERT_EQ(view->sequence(), header.sequence);
        ASSERT_EQ(view->timestamp(), header.timestamp);
        ASSERT_EQ(view->ssrc(), header.ssrc);
        if (!wide && count != 0) {
            ASSERT_EQ(view->extension_profile(), rtp_one_byte_profile);
        }
        std::map<std::uint8_t, Bytes> seen;
        ASSERT_TRUE(view->for_each_extension(
            [&](std::uint8_t id, ByteView value) { seen[id] = Bytes(value.begin(), value.end()); }));
        ASSERT_EQ(seen, values);
    }
}

TEST(RtpWriter, RefusesArgumentsOutOfRange) {
    Bytes out(1500);
    const Bytes long_value(256);
    EXPECT_EQ(write_rtp_header(out, {.payload_type = 128}).error(), RtpWriteError::bad_payload_type);
    const RtpExtensionElement zero_id[] = {{0, long_value}};
    EXPECT_EQ(write_rtp_header(out, {}, zero_id).error(), RtpWriteError::bad_extension_id);
    const RtpExtensionElement too_long[] = {{1, long_value}};
    EXPECT_EQ(write_rtp_header(out, {}, too_long).error(), RtpWriteError::extension_too_long);
}

}  // namespace
}  // namespace sluice::wire
