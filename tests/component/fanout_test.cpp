// The fan-out as a whole: order, fairness, a port that is slower than the source, legs that come and go in the middle of it,
// and newcomers who are given the last keyframe.

#include <algorithm>
#include <map>

#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

// A source with viewers whose ports and SSRCs follow from their numbers.
class Room {
public:
    Room(Harness& h, std::uint16_t number, std::uint16_t first_port)
        : h_(h),
          ssrc_(0x1000u + number),
          first_port_(first_port),
          publisher_(h.add_peer(static_cast<std::uint16_t>(1000 + number))),
          source_(h.add_video_source(publisher_, ssrc_)) {}

    void join(unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            const auto port = static_cast<std::uint16_t>(first_port_ + viewers_.size());
            viewers_.push_back(h_.add_peer(port));
            legs_.push_back(h_.add_video_leg(viewers_.back(), source_, 0x10000u + port, 0x20000u + port));
        }
    }
    void leave(std::size_t viewer) {
        abi::Remove m;
        m.kind = abi::ObjectKind::leg;
        m.id = legs_[viewer];
        EXPECT_EQ(h_.plane().registry().apply(finished(m), 1).status, abi::Status::ok);
    }
    void ask_for_a_keyframe(std::size_t viewer) {
        std::array<std::uint8_t, 64> buffer;
        wire::RtcpWriter out(buffer);
        EXPECT_TRUE(out.pli(1, 0x10000u + viewers_[viewer].address.port));
        h_.send(viewers_[viewer], out.finish());
    }
    void publish(bool keyframe, std::size_t size = 200) {
        h_.send(publisher_, vp8_packet(sent_, 3000u * sent_, ssrc_, keyframe, size));
        ++sent_;
    }
    // Collects what came, by viewer.
    std::size_t collect(const std::vector<Frame>& frames) {
        std::size_t found = 0;
        std::map<Endpoint, std::size_t> at;
        for (std::size_t i = 0; i < viewers_.size(); ++i) at[viewers_[i].address] = i;
        sequences.resize(viewers_.size());
        for (const Frame& f : frames) {
            const auto d = wire::parse_udp_frame(f);
            if (!d) continue;
            const auto viewer = at.find(d->destination);
            if (viewer == at.end()) continue;
            const auto rtp = wire::RtpView::parse(d->payload(f));
            if (!rtp || wire::is_rtcp(d->payload(f)[1])) continue;
            EXPECT_EQ(rtp->ssrc(), 0x10000u + viewers_[viewer->second].address.port);
            sequences[viewer->second].push_back(rtp->sequence());
            ++found;
        }
        return found;
    }
    // Everybody has been sent each number of [1000, 1000 + count) once, in order.
    void expect_all(unsigned count) const {
        std::vector<std::uint16_t> all;
        for (unsigned i = 0; i < count; ++i) all.push_back(static_cast<std::uint16_t>(1000 + i));
        for (std::size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], all) << "viewer " << i;
    }
    [[nodiscard]] const Peer& publisher() const { return publisher_; }
    [[nodiscard]] std::uint64_t source() const { return source_; }

    std::vector<std::vector<std::uint16_t>> sequences;

private:
    static ByteView finished(abi::Remove& m) {
        abi::finish(m, 0, 0);
        return bytes_of(m);
    }
    Harness& h_;
    std::uint32_t ssrc_;
    std::uint16_t first_port_;
    Peer publisher_;
    std::uint64_t source_;
    std::vector<Peer> viewers_;
    std::vector<std::uint64_t> legs_;
    std::uint16_t sent_ = 0;
};

bool asks_for_a_keyframe(Harness& h, const Peer& publisher, const std::vector<Frame>& frames) {
    bool asked = false;
    for (const Frame& p : h.payloads_to(publisher, frames)) {
        auto reader = wire::RtcpReader::parse(p);
        if (!reader) continue;
        while (const auto packet = reader->next()) asked |= packet->is(wire::RtcpType::payload_feedback, wire::psfb_pli);
    }
    return asked;
}

TEST(Fanout, TakesALargeRoomInPartsAndASmallOneInBetween) {
    Harness h;
    Room large(h, 0, 2000), small(h, 1, 10'000);
    large.join(2000);
    small.join(1);
    (void)h.received();
    large.publish(true);
    h.turn(1);
    small.publish(true);
    h.turn(3);
    const auto early = h.received();
    large.collect(early);
    small.collect(early);
    small.expect_all(1);
    std::size_t served = 0;
    for (const auto& s : large.sequences) served += s.size();
    EXPECT_LT(served, 2000u) << "one packet of a large room holds up everybody";
    h.settle();
    large.collect(h.received());
    large.expect_all(1);
    EXPECT_EQ(h.counters().rtp_out, 2001u);
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST(Fanout, SealsThePacketsOfManySmallRoomsTogether) {
    Harness h;
    std::vector<std::unique_ptr<Room>> rooms;
    for (std::uint16_t n = 0; n < 16; ++n) {
        rooms.push_back(std::make_unique<Room>(h, n, static_cast<std::uint16_t>(2000 + 10 * n)));
        rooms.back()->join(4);
    }
    (void)h.received();
    const auto& seal = h.counters().stages[static_cast<std::size_t>(abi::Stage::seal)];
    const std::uint64_t calls = seal.calls, packets = seal.packets;
    for (auto& room : rooms) room->publish(true);
    h.settle();
    EXPECT_EQ(seal.packets - packets, 64u);
    EXPECT_LE(seal.calls - calls, 2u) << "lanes of the cipher stay empty";
    const auto frames = h.received();
    for (auto& room : rooms) {
        room->collect(frames);
        room->expect_all(1);
    }
}

// A keyframe of 50 packets to 300 viewers through a port that holds 127 frames.
TEST(Fanout, WaitsForAPortThatIsFullAndLosesNothing) {
    Harness h({.tx_slots = 128});
    Room room(h, 0, 2000);
    room.join(300);
    (void)h.received();
    for (int n = 0; n < 50; ++n) room.publish(n == 0, 1000);
    for (int i = 0; i < 2000; ++i) {
        h.settle();
        const auto frames = h.received();
        if (frames.empty() && i > 10) break;
        room.collect(frames);
    }
    room.expect_all(50);
    EXPECT_GT(h.counters().tx_full, 0u);
    EXPECT_EQ(h.total_drops(), 0u) << "reports and answers have room of their own";
}

// A keyframe of 60 kB to 300 viewers over a port that is held to a tenth of what the worker could send.
TEST(Fanout, APacedPortSendsAtItsRateInOrderAndToEverybodyAlike) {
    constexpr unsigned viewers = 300, packets = 50;
    constexpr std::uint32_t mbps = 400;
    Harness h({.egress_mbps = mbps});
    Room room(h, 0, 2000);
    room.join(viewers);
    (void)h.received();
    for (unsigned n = 0; n < packets; ++n) room.publish(n == 0, 1200);
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t wire_bytes = 0;
    std::size_t frames_seen = 0;
    while (frames_seen < std::size_t{viewers} * packets) {
        ASSERT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
        h.turn(1);
        const auto frames = h.received();
        if (frames.empty()) continue;
        for (const Frame& frame : frames) wire_bytes += frame.size() + port::EgressPacer::framing_bytes;
        frames_seen += room.collect(frames);
        // Nobody is more than a packet ahead of anybody.
        std::size_t least = packets, most = 0;
        for (const auto& s : room.sequences) {
            least = std::min(least, s.size());
            most = std::max(most, s.size());
        }
        ASSERT_LE(most - least, 1u);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    room.expect_all(packets);
    EXPECT_EQ(h.total_drops(), 0u);
    EXPECT_GT(h.counters().tx_full, 0u);
    const double depth = std::max(port::EgressPacer::depth_bytes, port::EgressPacer::depth_s * 1e6 * mbps / 8);
    EXPECT_LE(static_cast<double>(wire_bytes) * 8, took.count() * 1e6 * mbps + 2 * 8 * depth) << "faster than its rate";
}

TEST(Fanout, NamesWhatLeftTheRingBeforeThePortTookIt) {
    Harness h({.tx_slots = 128});
    Room room(h, 0, 2000);
    room.join(10);
    (void)h.received();
    constexpr unsigned packets = 1500;
    for (unsigned n = 0; n < packets; ++n) {
        room.publish(n == 0);
        h.settle();
    }
    EXPECT_GT(h.drops(DropReason::fanout_overrun), 0u);
    for (int i = 0; i < 2000; ++i) {
        const auto frames = h.received();
        if (frames.empty() && i > 10) break;
        room.collect(frames);
        h.settle();
    }
    std::size_t arrived = 0;
    for (const auto& s : room.sequences) {
        arrived += s.size();
        EXPECT_TRUE(std::ranges::is_sorted(s));
        EXPECT_EQ(s.back(), 1000 + packets - 1) << "the newest are kept";
    }
    EXPECT_EQ(arrived + h.drops(DropReason::fanout_overrun), packets * 10u);
}

// Who leaves in the middle of a packet costs nobody else that packet, and gives nobody two.
TEST(Fanout, GoesOnWhenViewersLeaveInTheMiddleOfAPacket) {
    Harness h;
    Room room(h, 0, 2000);
    room.join(600);
    (void)h.received();
    room.publish(true);
    (void)h.plane().worker(0).iterate();  // part of the walk
    const std::uint64_t walked = h.counters().rtp_out;
    ASSERT_GT(walked, 100u);
    ASSERT_LT(walked, 500u);
    const std::size_t leavers[] = {0, 57, walked - 1, walked, 599};
    for (const std::size_t viewer : leavers) room.leave(viewer);
    h.settle();
    room.collect(h.received());
    for (std::size_t i = 0; i < 600; ++i) {
        if (std::ranges::find(leavers, i) != std::end(leavers)) {
            EXPECT_LE(room.sequences[i].size(), 1u);
        } else {
            EXPECT_EQ(room.sequences[i].size(), 1u) << "viewer " << i;
        }
    }
    room.publish(false);
    h.settle();
    room.sequences.clear();
    room.collect(h.received());
    std::size_t second = 0;
    for (const auto& s : room.sequences) second += s.size();
    EXPECT_EQ(second, 595u);
}

TEST(Fanout, NewcomersAreSentTheLastKeyframeAndAllThatFollowed) {
    Harness h;
    Room room(h, 0, 2000);
    room.join(1);
    h.turn(2);
    for (int n = 0; n < 10; ++n) room.publish(n == 0);
    h.settle();
    std::vector<Frame> frames = h.received();
    // A hundred more, while the stream goes on.
    for (int i = 0; i < 10; ++i) {
        room.join(10);
        room.publish(false);
        h.turn(5);
        std::ranges::move(h.received(), std::back_inserter(frames));
    }
    for (int i = 0; i < 200'000 && h.counters().rtp_out < 20u * 101; ++i) {
        h.turn(1);
        std::ranges::move(h.received(), std::back_inserter(frames));
    }
    room.publish(false);
    h.settle();
    std::ranges::move(h.received(), std::back_inserter(frames));
    room.collect(frames);
    room.expect_all(21);
    EXPECT_EQ(h.counters().catch_ups, 100u);
    EXPECT_EQ(h.total_drops(), 0u);
    EXPECT_FALSE(asks_for_a_keyframe(h, room.publisher(), frames));
}

// The keyframe is replayed no faster than three times as fast as it came.
TEST(Fanout, NewcomersAreNotFlooded) {
    Harness h;
    Room room(h, 0, 2000);
    room.join(1);
    const auto now = [&] { return h.plane().worker(0).config().clock.now_ns(); };
    const auto began = now();
    for (int n = 0; n < 20; ++n) {
        room.publish(n == 0);
        h.settle();
        while (now() < began + (n + 1) * 3'000'000) h.turn(1);
    }
    (void)h.received();
    const std::uint64_t before = h.counters().rtp_out;
    const auto joined = now();
    room.join(1);
    while (h.counters().rtp_out < before + 20 && now() < joined + 2'000'000'000) h.turn(1);
    EXPECT_EQ(h.counters().rtp_out, before + 20);
    // 19 steps of 3 ms at three times real time.
    EXPECT_GE(now() - joined, 19'000'000);
}

TEST(Fanout, NewcomersWaitForTheNextKeyframeWhenTheLastIsTooFarBack) {
    Harness h;
    Room room(h, 0, 2000);
    room.join(1);
    for (int n = 0; n < 600; ++n) {
        room.publish(n == 0, 1000);
        if (n % 50 == 0) h.settle();
    }
    h.settle();
    (void)h.received();
    room.join(1);
    room.publish(false);
    h.settle();
    std::vector<Frame> frames = h.received();
    room.collect(frames);
    EXPECT_TRUE(room.sequences[1].empty());
    EXPECT_EQ(h.counters().catch_ups, 0u);
    bool asked = asks_for_a_keyframe(h, room.publisher(), frames);
    for (int i = 0; i < 100'000 && !asked; ++i) {
        h.turn(1);
        asked = asks_for_a_keyframe(h, room.publisher(), h.received());
    }
    EXPECT_TRUE(asked);
    room.publish(true);
    h.settle();
    room.sequences.clear();
    room.collect(h.received());
    EXPECT_EQ(room.sequences[1], std::vector<std::uint16_t>{1000});
}

// A viewer whose keys come after its transport, as in life.
Peer join_by_handshake(Harness& h, std::uint64_t source) {
    Peer viewer;
    viewer.address = {*IpAddress::parse("10.77.0.2"), 3000};
    viewer.transport = 500;
    abi::TransportSpec spec = h.transport_spec(viewer.transport, 3000, 0);
    spec.suite = abi::CryptoSuite::none;
    EXPECT_EQ(h.program(spec), abi::Status::ok);
    EXPECT_EQ(h.program(h.leg_spec(501, viewer, source, 0x9000, 0)), abi::Status::ok);
    spec.suite = abi::CryptoSuite::plaintext;
    spec.generation = 2;
    EXPECT_EQ(h.program(spec), abi::Status::ok);
    return viewer;
}

// The peer has its keys only when the last flight of the handshake has reached it; media before that is lost on it. The
// flight is injected after the keys were programmed.
TEST(Fanout, BeginsWhenThePeerHasItsKeysToo) {
    Harness h;
    Room room(h, 0, 2000);
    for (int n = 0; n < 5; ++n) room.publish(n == 0);
    h.settle();
    const Peer viewer = join_by_handshake(h, room.source());
    room.publish(false);
    h.settle();
    EXPECT_TRUE(h.media_to(viewer, h.received()).empty());
    // Something under the keys, as good as the flight itself.
    std::array<std::uint8_t, 64> buffer;
    wire::RtcpWriter out(buffer);
    EXPECT_TRUE(out.pli(1, 0x9000));
    h.send(viewer, out.finish());
    std::vector<Frame> media;
    for (int i = 0; i < 10'000 && media.size() < 6; ++i) {
        h.turn(1);
        std::ranges::move(h.media_to(viewer, h.received()), std::back_inserter(media));
    }
    EXPECT_EQ(media.size(), 6u);
}

// A handshake whose last flight never shows, as after a restart at the wrong moment.
TEST(Fanout, BeginsByItselfAfterAWhile) {
    Harness h;
    Room room(h, 0, 2000);
    room.publish(true);
    h.settle();
    const Peer viewer = join_by_handshake(h, room.source());
    const auto now = [&] { return h.plane().worker(0).config().clock.now_ns(); };
    std::size_t media = 0;
    for (const auto until = now() + 2'000'000'000; now() < until && media == 0;) {
        h.turn(10);
        media += h.media_to(viewer, h.received()).size();
    }
    EXPECT_EQ(media, 1u);
}

// libwebrtc asks for a keyframe as soon as it is connected.
TEST(Fanout, AskingForWhatIsOnItsWayCostsThePublisherNothing) {
    Harness h;
    Room room(h, 0, 2000);
    room.join(1);
    room.publish(true);
    h.settle();
    (void)h.received();
    room.join(2);
    for (const std::size_t viewer : {std::size_t{1}, std::size_t{2}}) room.ask_for_a_keyframe(viewer);
    bool asked = false;
    const auto now = [&] { return h.plane().worker(0).config().clock.now_ns(); };
    for (const auto until = now() + 40'000'000; now() < until;) {
        h.turn(1);
        asked |= asks_for_a_keyframe(h, room.publisher(), h.received());
    }
    EXPECT_FALSE(asked);
    // But not for ever: the picture may be broken.
    for (const auto until = now() + 2'000'000'000; now() < until && !asked;) {
        room.ask_for_a_keyframe(1);
        h.turn(100);
        asked |= asks_for_a_keyframe(h, room.publisher(), h.received());
    }
    EXPECT_TRUE(asked);
}

TEST(Fanout, WhoLeavesWhileCatchingUpIsForgotten) {
    Harness h;
    Room room(h, 0, 2000);
    room.join(1);
    for (int n = 0; n < 40; ++n) room.publish(n == 0);
    h.settle();
    (void)h.received();
    room.join(3);
    room.leave(2);
    room.leave(1);
    h.settle();
    room.publish(false);
    room.sequences.resize(4);
    for (int i = 0; i < 100'000 && room.sequences[3].size() < 41; ++i) {
        h.turn(1);
        room.collect(h.received());
    }
    EXPECT_EQ(room.sequences[3].size(), 41u);
    room.leave(3);
    h.settle();
}

// Legs that differ in their extensions, MIDs and payload types, more kinds of them than a view keeps formats for.
TEST(Fanout, ManyFormatsOfOneSourceAreEachTheirOwn) {
    Harness h;
    const Peer publisher = h.add_peer(1000);
    const auto source = h.add_video_source(publisher, 0x1111);
    std::vector<Peer> viewers;
    for (std::uint16_t i = 0; i < 24; ++i) {
        viewers.push_back(h.add_peer(static_cast<std::uint16_t>(2000 + i)));
        abi::LegSpec spec = h.leg_spec(9000 + i, viewers.back(), source, 0x9000u + i, 0);
        const std::string mid = std::string(i % 7, 'm') + std::to_string(i);
        std::ranges::copy(mid, spec.mid.begin());
        spec.mid_length = static_cast<std::uint8_t>(mid.size());
        spec.tx_extensions[static_cast<std::size_t>(abi::Extension::mid)] = static_cast<std::uint8_t>(1 + i % 3 * 8);
        spec.payloads[0].payload_type = static_cast<std::uint8_t>(100 + i % 2);
        ASSERT_EQ(h.program(spec), abi::Status::ok);
    }
    (void)h.received();
    for (std::uint16_t n = 0; n < 3; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    const auto frames = h.received();
    for (std::uint16_t i = 0; i < 24; ++i) {
        const auto payloads = h.media_to(viewers[i], frames);
        ASSERT_EQ(payloads.size(), 3u);
        for (std::uint16_t n = 0; n < 3; ++n) {
            const auto rtp = wire::RtpView::parse(payloads[n]);
            ASSERT_TRUE(rtp);
            EXPECT_EQ(rtp->payload_type(), 100 + i % 2);
            const auto mid = rtp->find_extension(static_cast<std::uint8_t>(1 + i % 3 * 8));
            ASSERT_TRUE(mid) << "viewer " << i;
            EXPECT_EQ(std::string(mid->begin(), mid->end()), std::string(i % 7, 'm') + std::to_string(i));
            const Frame original = vp8_packet(n, 0, 0, n == 0);
            EXPECT_TRUE(std::equal(rtp->payload().begin(), rtp->payload().end(), original.begin() + 12, original.end()));
        }
    }
}

}  // namespace
}  // namespace sluice::test
