// RED audio (RFC 2198) through the real data plane: as it is to a viewer who takes it, as its primary block to one who does
// not.
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

constexpr std::uint8_t opus = 111, red = 63;
constexpr std::uint32_t publisher_ssrc = 0x1111;

Frame rtp(std::uint16_t sequence, std::uint8_t payload_type, const Frame& payload) {
    Frame packet(64 + payload.size());
    const auto header = wire::write_rtp_header(packet, {payload_type, false, sequence, 960u * sequence, publisher_ssrc}, {});
    EXPECT_TRUE(header.has_value());
    std::ranges::copy(payload, packet.begin() + static_cast<std::ptrdiff_t>(*header));
    packet.resize(*header + payload.size());
    return packet;
}

// One repetition of three bytes, then the primary block.
Frame red_of(const Frame& primary, std::uint8_t block_type = opus) {
    Frame payload{static_cast<std::uint8_t>(0x80 | block_type), 0x0f, 0x00, 3, block_type, 0xaa, 0xaa, 0xaa};
    payload.insert(payload.end(), primary.begin(), primary.end());
    return payload;
}

struct Red : ::testing::Test {
    Red() : publisher(h.add_peer(5000)), with(h.add_peer(6000)), without(h.add_peer(6001)) {
        abi::SourceSpec source;
        source.id = abi::SourceId{900};
        source.transport = static_cast<abi::TransportId>(publisher.transport);
        source.generation = 1;
        source.kind = abi::MediaKind::audio;
        source.ssrc = publisher_ssrc;
        source.payloads[0] = {opus, 0xff, abi::CodecId::opus, 0, 48'000};
        source.payloads[1] = {red, 0xff, abi::CodecId::red, 0, 48'000};
        EXPECT_EQ(h.program(source), abi::Status::ok);
        for (const bool takes_red : {true, false}) {
            abi::LegSpec leg =
                h.leg_spec(takes_red ? 901 : 902, takes_red ? with : without, 900, takes_red ? 0x9001 : 0x9002, 0);
            leg.kind = abi::MediaKind::audio;
            leg.clock_rate = 48'000;
            // The viewers have types of their own.
            leg.payloads[0] = {static_cast<std::uint8_t>(takes_red ? 111 : 109), 0xff};
            leg.payloads[1] = {static_cast<std::uint8_t>(takes_red ? 120 : 109), 0xff};
            if (!takes_red) leg.flags = abi::leg_strip_red;
            EXPECT_EQ(h.program(leg), abi::Status::ok);
        }
        (void)h.received();
    }
    // Payload type and payload of the RTP packets that went to a viewer.
    std::vector<std::pair<std::uint8_t, Frame>> got(const Peer& viewer, const std::vector<Frame>& frames) {
        std::vector<std::pair<std::uint8_t, Frame>> out;
        for (const Frame& p : h.payloads_to(viewer, frames)) {
            if (p.size() >= 2 && p[1] >= 192 && p[1] <= 223) continue;
            if (const auto view = wire::RtpView::parse(p))
                out.emplace_back(view->payload_type(), Frame(view->payload().begin(), view->payload().end()));
        }
        return out;
    }

    Harness h;
    Peer publisher, with, without;
};

using Packets = std::vector<std::pair<std::uint8_t, Frame>>;

TEST_F(Red, GoesAsItIsToWhoTakesItAndAsItsPrimaryBlockToOthers) {
    const Frame primary{1, 2, 3, 4, 5};
    h.send(publisher, rtp(1, red, red_of(primary)));
    h.send(publisher, rtp(2, opus, {7, 8}));  // a publisher may mix them
    h.send(publisher, rtp(3, red, {opus, 9}));
    h.settle();
    const auto frames = h.received();
    EXPECT_EQ(got(with, frames), (Packets{{120, red_of(primary)}, {111, {7, 8}}, {120, {opus, 9}}}));
    EXPECT_EQ(got(without, frames), (Packets{{109, primary}, {109, {7, 8}}, {109, {9}}}));
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST_F(Red, ARepeatIsByteForByteWhatWasSent) {
    const Frame primary{1, 2, 3, 4, 5};
    h.send(publisher, rtp(1, red, red_of(primary)));
    h.settle();
    const auto first = h.media_to(without, h.received());
    ASSERT_FALSE(first.empty());
    std::array<std::uint8_t, 64> buffer;
    wire::RtcpWriter out(buffer);
    const std::uint16_t lost[] = {1000};
    ASSERT_TRUE(out.nack(1, 0x9002, lost));
    h.send(without, out.finish());
    h.settle();
    Frame repeat;
    for (const Frame& p : h.payloads_to(without, h.received()))
        if (p.size() >= 2 && (p[1] & 0x7f) == 109) repeat = p;
    EXPECT_EQ(repeat, first.front());
}

TEST_F(Red, WhatHasNoPrimaryBlockOfOpusIsDropped) {
    h.send(publisher, rtp(1, red, {0x80 | opus, 0x0f, 0x03, 0xff, opus, 1}));  // longer than the packet
    h.send(publisher, rtp(2, red, red_of({1}, 96)));                           // of a type that was not negotiated
    h.send(publisher, rtp(3, red, red_of({1}, red)));                          // RED in RED
    h.settle();
    const auto frames = h.received();
    EXPECT_TRUE(got(with, frames).empty());
    EXPECT_TRUE(got(without, frames).empty());
    EXPECT_EQ(h.drops(abi::DropReason::red_malformed), 3u);
    h.send(publisher, rtp(4, red, red_of({1})));
    h.settle();
    EXPECT_EQ(got(without, h.received()), (Packets{{109, {1}}}));
}

}  // namespace
}  // namespace sluice::test
