// What goes upstream by time: transport-wide feedback.
#include <chrono>
#include <set>
#include <vector>

#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/twcc.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

constexpr std::uint8_t transport_cc_id = 3;

// A peer whose first layers are silent, as of a simulcast publisher that begins with the lowest one.
abi::SourceSpec layer(const Peer& publisher, std::uint64_t id, char rid, std::uint32_t ssrc) {
    abi::SourceSpec spec;
    spec.id = static_cast<abi::SourceId>(id);
    spec.transport = static_cast<abi::TransportId>(publisher.transport);
    spec.generation = 1;
    spec.kind = abi::MediaKind::video;
    spec.ssrc = ssrc;
    spec.flags = abi::source_transport_cc;
    spec.payloads[0] = {96, 97, abi::CodecId::vp8, 0, 90'000};
    spec.mid[0] = '1';
    spec.mid_length = 1;
    spec.rid[0] = rid;
    spec.rid_length = 1;
    return spec;
}

TEST(Feedback, TransportWideFeedbackNamesAnSsrcThatThePublisherSends) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    auto transport = h.transport_spec(publisher.transport, 5000, 0);
    transport.rx_extensions[static_cast<std::size_t>(abi::Extension::transport_cc)] = transport_cc_id;
    ASSERT_EQ(h.program(transport), abi::Status::ok);
    ASSERT_EQ(h.program(layer(publisher, 101, 'f', 0)), abi::Status::ok);
    ASSERT_EQ(h.program(layer(publisher, 102, 'h', 0)), abi::Status::ok);
    ASSERT_EQ(h.program(layer(publisher, 103, 'q', 0x3333)), abi::Status::ok);
    for (std::uint16_t n = 0; n < 20; ++n) {
        const std::uint8_t sequence[] = {0, static_cast<std::uint8_t>(n)};
        const wire::RtpExtensionElement numbered[] = {{transport_cc_id, sequence}};
        h.send(publisher, vp8_packet(n, 3000u * n, 0x3333, n == 0, 200, 96, numbered));
    }
    h.settle();
    std::set<std::uint32_t> named;
    std::set<std::uint16_t> reported;
    for (int i = 0; i < 100'000 && reported.size() < 20; ++i) {
        h.turn(1);
        for (const Frame& p : h.payloads_to(publisher, h.received())) {
            auto reader = wire::RtcpReader::parse(p);
            if (!reader) continue;
            while (const auto packet = reader->next()) {
                const auto feedback = wire::TwccFeedbackView::parse(*packet);
                if (!feedback) continue;
                named.insert(wire::feedback_media_ssrc(*packet));
                feedback->for_each([&](std::uint16_t seq, bool received, std::int32_t) {
                    if (received) reported.insert(seq);
                });
            }
        }
    }
    EXPECT_EQ(reported.size(), 20u);
    // libwebrtc takes no notice of feedback for an SSRC that is not its own, and its estimate falls to the floor.
    EXPECT_EQ(named, std::set<std::uint32_t>{0x3333});
}

// Those of `peers` who have been sent a packet of this kind, after at most `turns`.
std::set<std::uint16_t> told(Harness& h, const std::vector<Peer>& peers, wire::RtcpType type, int turns) {
    std::set<std::uint16_t> told;
    for (int i = 0; i < turns && told.size() < peers.size(); ++i) {
        h.turn(1);
        const auto frames = h.received();
        if (frames.empty()) continue;
        for (const Peer& peer : peers) {
            for (const Frame& p : h.payloads_to(peer, frames)) {
                auto reader = wire::RtcpReader::parse(p);
                if (!reader) continue;
                while (const auto packet = reader->next()) {
                    if (packet->type == type) told.insert(peer.address.port);
                }
            }
        }
    }
    return told;
}

// More than a turn of the timers serves.
TEST(Feedback, EachOfManyPublishersIsReportedTo) {
    Harness h;
    std::vector<Peer> publishers;
    for (std::uint16_t n = 0; n < 50; ++n) {
        publishers.push_back(h.add_peer(static_cast<std::uint16_t>(5000 + n)));
        (void)h.add_video_source(publishers.back(), 0x1000u + n);
        h.send(publishers.back(), vp8_packet(1, 3000, 0x1000u + n, true, 200));
    }
    h.settle();
    EXPECT_EQ(told(h, publishers, wire::RtcpType::receiver_report, 1'000'000).size(), 50u);
    // One leaves, and the last of the list takes its place: a loss is asked for all the same.
    abi::Remove m;
    m.kind = abi::ObjectKind::transport;
    m.id = publishers.front().transport;
    ASSERT_EQ(h.program(m), abi::Status::ok);
    publishers.erase(publishers.begin());
    for (std::uint16_t n = 1; n < 50; ++n) h.send(publishers[n - 1u], vp8_packet(3, 9000, 0x1000u + n, false, 200));
    h.settle();
    EXPECT_EQ(told(h, publishers, wire::RtcpType::transport_feedback, 1'000'000).size(), 49u);
}

TEST(Feedback, AKeyframeThatWasWantedBeforeTheStreamBeganIsAskedForWhenItDoes) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const Peer viewer = h.add_peer(6000);
    auto spec = layer(publisher, 101, 'f', 0);
    spec.flags = abi::source_pli;
    auto transport = h.transport_spec(publisher.transport, 5000, 0);
    transport.rx_extensions[static_cast<std::size_t>(abi::Extension::rid)] = 5;
    ASSERT_EQ(h.program(transport), abi::Status::ok);
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    h.add_video_leg(viewer, 101, 0x9000);
    EXPECT_TRUE(told(h, {publisher}, wire::RtcpType::payload_feedback, 20'000).empty());
    const std::uint8_t rid[] = {'f'};
    const wire::RtpExtensionElement named[] = {{5, rid}};
    h.send(publisher, vp8_packet(1, 3000, 0x4444, false, 200, 96, named));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(told(h, {publisher}, wire::RtcpType::payload_feedback, 1'000'000).size(), 1u);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
}

}  // namespace
}  // namespace sluice::test
