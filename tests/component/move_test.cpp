// Viewers move from worker to worker while they are served: each gets every packet once, in order, and its UDP port stays.

#include <algorithm>
#include <map>

#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/stun.hpp"
#include "tests/component/stun_checks.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;
using abi::Status;

// A publisher with viewers, who may be on different workers; what each viewer got, in the order of the wire.
class Stage {
public:
    explicit Stage(unsigned publisher_worker = 0, unsigned tx_slots = 4096, unsigned with_workers = 2)
        : h(HarnessOptions{.workers = with_workers, .tx_slots = tx_slots}),
          workers(with_workers),
          publisher(h.add_peer(1000, static_cast<std::uint16_t>(publisher_worker))),
          source(h.add_video_source(publisher, 0x1111)) {}

    std::size_t join(unsigned worker) {
        viewers.push_back(h.add_peer(static_cast<std::uint16_t>(2000 + viewers.size()), static_cast<std::uint16_t>(worker)));
        legs.push_back(h.add_video_leg(viewers.back(), source, ssrc(viewers.size() - 1), rtx_ssrc(viewers.size() - 1)));
        sequences.resize(viewers.size());
        return viewers.size() - 1;
    }
    static std::uint32_t ssrc(std::size_t viewer) { return 0x10000u + static_cast<std::uint32_t>(viewer); }
    static std::uint32_t rtx_ssrc(std::size_t viewer) { return 0x20000u + static_cast<std::uint32_t>(viewer); }

    void publish(bool keyframe = false, std::size_t size = 200) {
        h.send(publisher, vp8_packet(sent, 3000u * sent, 0x1111, keyframe, size));
        ++sent;
    }
    [[nodiscard]] abi::TransportSpec spec_of(std::size_t viewer, unsigned owner) const {
        const Peer& peer = viewers[viewer];
        abi::TransportSpec spec = h.transport_spec(peer.transport, peer.address.port, peer.worker);
        spec.rx_key = {peer.to_us.key, peer.to_us.salt, {}};
        spec.tx_key = {peer.to_peer.key, peer.to_peer.salt, {}};
        spec.owner = static_cast<std::uint16_t>(owner + 1);
        return spec;
    }
    // Says so, and lets nobody do anything about it yet.
    Status ask(std::size_t viewer, unsigned owner) {
        abi::TransportSpec spec = spec_of(viewer, owner);
        return apply(spec);
    }
    template <typename T>
    Status apply(T message) {
        abi::finish(message, 0, 0);
        return h.plane().registry().apply(bytes_of(message), ++token).status;
    }
    // One turn of both workers and main at a time, so that what they send is seen in order.
    void turn(int turns = 1) {
        for (int i = 0; i < turns; ++i) {
            h.turn(1);
            collect();
        }
    }
    void collect() {
        for (const Frame& f : h.received()) {
            frames.push_back(f);
            const auto d = wire::parse_udp_frame(f);
            if (!d || d->destination.port < 2000) continue;
            const auto rtp = wire::RtpView::parse(d->payload(f));
            if (!rtp || wire::is_rtcp(d->payload(f)[1])) continue;
            const std::size_t viewer = d->destination.port - 2000u;
            if (viewer >= sequences.size() || rtp->ssrc() != ssrc(viewer)) continue;
            EXPECT_EQ(d->source.port, 7882 + viewers[viewer].worker) << "another port than the peer was told";
            sequences[viewer].push_back(rtp->sequence());
        }
    }
    // Until it is there.
    [[nodiscard]] bool until_owned(std::size_t viewer, unsigned owner, int turns = 5000) {
        while (owner_of(viewer) != owner || h.plane().registry().handing_over()) {
            if (turns-- == 0) return false;
            turn();
        }
        return true;
    }
    [[nodiscard]] unsigned owner_of(std::size_t viewer) {
        const auto& segment = h.plane().segment();
        for (std::uint32_t i = 0; i < segment.header().max_transports; ++i) {
            if (segment.transport(i).id.load() == viewers[viewer].transport) return segment.transport(i).worker;
        }
        return 99;
    }
    // Draining the port: what it holds takes from the pool of its worker.
    void settle() {
        for (int idle = 0; idle < 5;) {
            const std::uint64_t before = work();
            turn();
            idle = work() == before ? idle + 1 : 0;
        }
    }
    [[nodiscard]] std::uint64_t work() const {
        std::uint64_t sum = 0;
        for (unsigned w = 0; w < workers; ++w)
            sum += h.counters(w).tx_packets + h.counters(w).rx_packets + h.counters(w).commands;
        return sum;
    }
    // Each number once, in order, from `first`.
    void expect_all(std::size_t viewer, unsigned count, std::uint16_t first = 1000) const {
        std::vector<std::uint16_t> all;
        for (unsigned i = 0; i < count; ++i) all.push_back(static_cast<std::uint16_t>(first + i));
        EXPECT_EQ(sequences[viewer], all) << "viewer " << viewer;
    }
    std::vector<Frame> to(std::size_t viewer) {
        auto payloads = h.payloads_to(viewers[viewer], frames);
        frames.clear();
        return payloads;
    }
    template <typename Write>
    void feedback(const Peer& peer, Write&& write) {
        std::array<std::uint8_t, 256> buffer;
        wire::RtcpWriter out(buffer);
        EXPECT_TRUE(write(out));
        h.send(peer, out.finish());
    }

    Harness h;
    unsigned workers;
    Peer publisher;
    std::uint64_t source;
    std::vector<Peer> viewers;
    std::vector<std::uint64_t> legs;
    std::vector<std::vector<std::uint16_t>> sequences;
    std::vector<Frame> frames;
    std::uint16_t sent = 0;
    std::uint64_t token = 1'000'000;
};

// By the publisher's worker.
class Moving : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(From, Moving, ::testing::Values(0u, 1u),
                         [](const auto& i) { return "PublisherOnWorker" + std::to_string(i.param); });

TEST_P(Moving, AViewerGetsEveryPacketOnceInOrder) {
    Stage s(GetParam());
    s.join(0);
    s.join(0);
    s.publish(true);
    s.settle();
    // There and back, with packets in each stage of it, and with a burst before each step.
    for (unsigned round = 0; round < 6; ++round) {
        const unsigned to = 1 - round % 2;
        for (unsigned i = 0; i < 5 * round; ++i) s.publish();
        ASSERT_EQ(s.ask(0, to), Status::ok);
        for (int turns = 0; s.owner_of(0) != to || s.h.plane().registry().handing_over(); ++turns) {
            ASSERT_LT(turns, 1000);
            s.publish();
            s.turn();
        }
        for (int i = 0; i < 20; ++i) {
            s.publish();
            s.turn();
        }
    }
    s.settle();
    s.expect_all(0, s.sent);
    s.expect_all(1, s.sent);
    EXPECT_EQ(s.h.total_drops(), 0u);
    EXPECT_EQ(s.h.counters(0).moved_out, 3u);
    EXPECT_EQ(s.h.counters(0).moved_in, 3u);
    EXPECT_EQ(s.h.counters(1).moved_out, 3u);
    EXPECT_EQ(s.h.counters(1).moved_in, 3u);
    EXPECT_EQ(s.h.counters(0).legs, 2u);
    EXPECT_EQ(s.h.counters(1).legs, 0u);
}

TEST_P(Moving, InTheMiddleOfATurnOfTheFanOutNothingIsLostAndNothingSentTwice) {
    Stage s(GetParam());
    constexpr unsigned viewers = 600;  // one packet takes several turns
    for (unsigned i = 0; i < viewers; ++i) s.join(0);
    s.publish(true);
    s.settle();
    for (const std::size_t mover : {std::size_t{3}, std::size_t{299}, std::size_t{300}, std::size_t{597}}) {
        for (int i = 0; i < 6; ++i) s.publish();
        s.turn();
        ASSERT_EQ(s.ask(mover, 1), Status::ok);
        ASSERT_TRUE(s.until_owned(mover, 1));
    }
    s.settle();
    for (std::size_t viewer = 0; viewer < viewers; ++viewer) s.expect_all(viewer, s.sent);
    EXPECT_EQ(s.h.total_drops(), 0u);
    EXPECT_EQ(s.h.counters(1).legs, 4u);
}

TEST_P(Moving, WhileItIsSentTheLastKeyframeTheReplayGoesOn) {
    for (const bool view_was_there : {false, true}) {
        Stage s(GetParam());
        s.join(0);
        if (view_was_there) s.join(1);
        s.publish(true);
        for (int i = 0; i < 200; ++i) {
            s.publish();
            s.turn();
        }
        s.settle();
        // Programmed by hand: program() would wait until it is level.
        const std::size_t late = s.viewers.size();
        s.viewers.push_back(s.h.add_peer(static_cast<std::uint16_t>(2000 + late), 0));
        s.sequences.resize(late + 1);
        ASSERT_EQ(s.apply(s.h.leg_spec(900, s.viewers[late], s.source, Stage::ssrc(late), Stage::rtx_ssrc(late))),
                  Status::ok);
        while (s.sequences[late].empty()) s.turn();
        ASSERT_LT(s.sequences[late].size(), 200u) << "already level";
        ASSERT_EQ(s.ask(late, 1), Status::ok);
        if (view_was_there) {
            while (s.owner_of(late) != 1) s.turn();
            EXPECT_LT(s.sequences[late].size(), 200u) << "moved only when it was level";
        }
        ASSERT_TRUE(s.until_owned(late, 1, 100'000));
        s.publish();
        s.settle();
        for (int i = 0; i < 100'000 && s.sequences[late].size() < s.sent; ++i) s.turn();
        s.expect_all(late, s.sent);
        EXPECT_EQ(s.h.total_drops(), 0u);
    }
}

TEST_P(Moving, SealedMediaGoesOnUnderTheSameKeysWithoutUsingAnIndexTwice) {
    Stage s(GetParam());
    Peer viewer = s.h.add_peer(3000, 0, srtp::Suite::aead_aes_128_gcm);
    s.h.add_video_leg(viewer, s.source, 0x9000);
    std::map<std::uint16_t, Frame> by_sequence;
    const auto look = [&] {
        s.turn();
        for (const Frame& p : s.h.media_to(viewer, s.frames)) {
            const auto rtp = wire::RtpView::parse(p, wire::RtpView::Padding::keep);
            ASSERT_TRUE(rtp);
            ASSERT_TRUE(by_sequence.emplace(rtp->sequence(), p).second) << "sent twice: " << rtp->sequence();
            srtp::RxKey key;
            key.init(srtp::Suite::aead_aes_128_gcm, viewer.to_peer, s.h.oracle());
            Frame plain(p.size());
            EXPECT_TRUE(s.h.oracle().opener().open_rtp(key, p, rtp->header_size(), rtp->sequence(), plain.data()));
            key.wipe();
        }
        s.frames.clear();
    };
    abi::TransportSpec spec = s.h.transport_spec(viewer.transport, 3000, 0);
    spec.suite = abi::CryptoSuite::aead_aes_128_gcm;
    spec.rx_key = {viewer.to_us.key, viewer.to_us.salt, {}};
    spec.tx_key = {viewer.to_peer.key, viewer.to_peer.salt, {}};
    for (unsigned i = 0; i < 300; ++i) {
        s.publish(i == 0);
        if (i % 60 == 30) {
            spec.owner = static_cast<std::uint16_t>(2 - i / 60 % 2);
            ASSERT_EQ(s.apply(spec), Status::ok);
        }
        look();
    }
    for (int i = 0; i < 20; ++i) look();
    EXPECT_EQ(by_sequence.size(), 300u);
    EXPECT_GE(s.h.counters(0).moved_out, 2u);
}

TEST(Move, FeedbackToTheOldPortReachesTheOwner) {
    Stage s;
    s.join(0);
    const Peer viewer = s.viewers[0];
    s.publish(true);
    for (int i = 0; i < 10; ++i) s.publish();
    s.settle();
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 1));
    for (int i = 0; i < 10; ++i) s.publish();
    s.settle();
    (void)s.to(0);

    // A packet from before the move, and one from after it.
    const std::uint16_t missing[] = {1012, 1018};
    s.feedback(viewer, [&](wire::RtcpWriter& out) { return out.nack(1, Stage::ssrc(0), missing); });
    s.settle();
    std::vector<std::uint16_t> repaired;
    for (const Frame& p : s.to(0)) {
        const auto rtp = wire::RtpView::parse(p);
        if (rtp && rtp->ssrc() == Stage::rtx_ssrc(0)) repaired.push_back(load<be16>(rtp->payload().data()).value());
    }
    EXPECT_EQ(repaired, (std::vector<std::uint16_t>{1012, 1018}));

    // One from before that the new worker never had: said so.
    const std::uint16_t gone[] = {1002};
    s.feedback(viewer, [&](wire::RtcpWriter& out) { return out.nack(1, Stage::ssrc(0), gone); });
    s.settle();
    EXPECT_EQ(s.h.drops(DropReason::nack_not_in_history), 1u);

    const std::uint64_t before = s.h.counters(0).handed_on;
    s.feedback(viewer, [&](wire::RtcpWriter& out) {
        const wire::ReportBlock block{Stage::ssrc(0), 77, 5, 1018, 9, 0, 0};
        return out.receiver_report(1, {&block, 1});
    });
    s.h.send(viewer, check("uf00000" + std::to_string(viewer.transport) + ":peer"));
    s.settle();
    EXPECT_EQ(s.h.counters(0).handed_on, before + 2);
    EXPECT_EQ(s.h.counters(1).stun_answered, 1u);
    const auto& slot = [&]() -> const abi::LegSlot& {
        for (std::uint32_t i = 0;; ++i) {
            if (s.h.plane().segment().leg(i).id.load() == s.legs[0]) return s.h.plane().segment().leg(i);
        }
    }();
    EXPECT_EQ(slot.fraction_lost, 77u);
    std::size_t answers = 0;
    for (const Frame& p : s.to(0)) answers += wire::StunView::parse(p).has_value();
    EXPECT_EQ(answers, 1u);
}

TEST(Move, AViewersKeyframeRequestGoesToThePublishersWorker) {
    Stage s;
    s.join(0);
    s.settle();
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 1));
    s.publish();
    s.settle();
    s.feedback(s.viewers[0], [&](wire::RtcpWriter& out) { return out.pli(1, Stage::ssrc(0)); });
    bool asked = false;
    for (int i = 0; i < 100'000 && !asked; ++i) {
        s.turn();
        for (const Frame& p : s.h.payloads_to(s.publisher, s.frames)) {
            auto reader = wire::RtcpReader::parse(p);
            while (reader) {
                const auto packet = reader->next();
                if (!packet) break;
                asked |= packet->is(wire::RtcpType::payload_feedback, wire::psfb_pli);
            }
        }
        s.frames.clear();
    }
    EXPECT_TRUE(asked);
    s.publish(true);
    s.settle();
    s.expect_all(0, 1);
}

TEST(Move, ANewAddressOfAMovedViewerIsFollowedAndNothingOfItStaysBehind) {
    Stage s;
    s.join(0);
    s.publish(true);
    s.settle();
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 1));
    const std::string username = "uf00000" + std::to_string(s.viewers[0].transport) + ":peer";
    // More addresses than are remembered: the oldest are forgotten on both workers.
    Peer rebound = s.viewers[0];
    for (std::uint16_t port = 3000; port < 3008; ++port) {
        rebound.address.port = port;
        s.h.send(rebound, check(username));
        s.settle();
        s.feedback(rebound, [&](wire::RtcpWriter& out) { return out.receiver_report(1); });
        s.settle();
        s.frames.clear();
        s.publish();
        s.settle();
        EXPECT_EQ(s.h.media_to(rebound, s.frames).size(), 1u) << port;
    }
    EXPECT_EQ(s.h.total_drops(), 0u);
    Peer forgotten = rebound;
    forgotten.address.port = 3000;
    s.feedback(forgotten, [&](wire::RtcpWriter& out) { return out.receiver_report(1); });
    s.settle();
    EXPECT_EQ(s.h.drops(DropReason::rtp_unknown_flow), 1u);

    abi::Remove m;
    m.kind = abi::ObjectKind::transport;
    m.id = s.viewers[0].transport;
    ASSERT_EQ(s.h.program(m), Status::ok);
    const std::uint64_t handed_on = s.h.counters(0).handed_on;
    s.h.send(rebound, check(username));
    s.feedback(rebound, [&](wire::RtcpWriter& out) { return out.receiver_report(1); });
    s.settle();
    EXPECT_EQ(s.h.counters(0).handed_on, handed_on) << "an entry of the dead transport is left";
    EXPECT_EQ(s.h.drops(DropReason::rtp_unknown_flow), 2u);
    EXPECT_EQ(s.h.drops(DropReason::stun_unknown_ufrag), 1u);
    EXPECT_EQ(s.h.counters(1).legs, 0u);
    EXPECT_EQ(s.h.plane().registry().transports(), 1u);
}

TEST(Move, FromOneOwnerToAnotherThePortStaysWithAThird) {
    Stage s(2, 4096, 3);
    s.join(0);
    s.publish(true);
    s.settle();
    for (unsigned round = 0; round < 6; ++round) {
        const unsigned to = 1 + round % 2;
        ASSERT_EQ(s.ask(0, to), Status::ok);
        while (s.owner_of(0) != to || s.h.plane().registry().handing_over()) {
            s.publish();
            s.turn();
        }
        s.settle();
        const std::uint64_t answered = s.h.counters(to).stun_answered;
        s.h.send(s.viewers[0], check("uf00000" + std::to_string(s.viewers[0].transport) + ":peer"));
        // Of another sender each time: without a cipher the index of an SRTCP packet is counted by the worker that opens it.
        s.feedback(s.viewers[0], [&](wire::RtcpWriter& out) { return out.receiver_report(round + 1); });
        s.settle();
        EXPECT_EQ(s.h.counters(to).stun_answered, answered + 1);
    }
    s.expect_all(0, s.sent);
    for (std::size_t r = 0; r < abi::drop_reason_count; ++r)
        EXPECT_EQ(s.h.drops(static_cast<DropReason>(r)), 0u) << abi::drop_reasons[r].name;
}

TEST(Move, AnIceRestartOfAMovedViewerIsKnownToItsPort) {
    Stage s;
    s.join(0);
    s.settle();
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 1));
    abi::TransportSpec spec = s.spec_of(0, 1);
    spec.previous_ice = spec.ice;
    std::memcpy(spec.ice.ufrag.data(), "newufrag", 8);
    ASSERT_EQ(s.h.program(spec), Status::ok);
    s.h.send(s.viewers[0], check("newufrag:peer"));
    s.h.send(s.viewers[0], check("uf00000" + std::to_string(s.viewers[0].transport) + ":peer"));
    s.settle();
    EXPECT_EQ(s.h.counters(1).stun_answered, 2u);
    spec.previous_ice = {};
    ASSERT_EQ(s.h.program(spec), Status::ok);
    s.h.send(s.viewers[0], check("uf00000" + std::to_string(s.viewers[0].transport) + ":peer"));
    s.settle();
    EXPECT_EQ(s.h.drops(DropReason::stun_unknown_ufrag), 1u);
}

TEST(Move, OneThatIsUnderWayMayBeTakenBackOrOvertaken) {
    Stage s;
    s.join(0);
    s.publish(true);
    s.settle();
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    ASSERT_EQ(s.ask(0, 0), Status::ok);  // before anything was done
    s.settle();
    EXPECT_EQ(s.owner_of(0), 0u);
    EXPECT_EQ(s.h.counters(0).moved_out, 0u);
    EXPECT_EQ(s.h.counters(1).legs, 0u);
    // In the very turns in which it is handed over nothing is applied, and afterwards everything.
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    while (!s.h.plane().registry().handing_over()) s.turn();
    EXPECT_EQ(s.ask(0, 0), Status::busy);
    ASSERT_TRUE(s.until_owned(0, 1));
    ASSERT_EQ(s.ask(0, 0), Status::ok);
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    ASSERT_EQ(s.ask(0, 0), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 0));
    for (int i = 0; i < 10; ++i) s.publish();
    s.settle();
    s.expect_all(0, s.sent);
}

TEST(Move, WhatItFollowsMayChangeWhileItWaits) {
    Stage s;
    s.join(0);
    const std::uint64_t second = s.h.add_video_source(s.publisher, 0x2222);
    s.publish(true);
    s.settle();
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    ASSERT_EQ(s.apply(s.h.leg_spec(s.legs[0], s.viewers[0], second, Stage::ssrc(0), Stage::rtx_ssrc(0))), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 1));
    s.h.send(s.publisher, vp8_packet(0, 0, 0x2222, true));
    s.settle();
    s.expect_all(0, 2);
    // The source goes while its viewer is about to move back, and another viewer goes altogether.
    const std::size_t other = s.join(1);
    ASSERT_EQ(s.ask(0, 0), Status::ok);
    ASSERT_EQ(s.ask(other, 0), Status::ok);
    for (const auto& [kind, id] :
         {std::pair{abi::ObjectKind::source, second}, std::pair{abi::ObjectKind::transport, s.viewers[other].transport}}) {
        abi::Remove m;
        m.kind = kind;
        m.id = id;
        ASSERT_EQ(s.apply(m), Status::ok);
    }
    ASSERT_TRUE(s.until_owned(0, 0));
    EXPECT_EQ(s.h.counters(0).legs, 1u);
    EXPECT_EQ(s.h.counters(1).legs, 0u);
}

TEST(Move, OneWithoutKeysGetsThemWhereItIs) {
    Stage s;
    abi::TransportSpec spec = s.h.transport_spec(70, 2000, 0);
    spec.suite = abi::CryptoSuite::none;
    ASSERT_EQ(s.h.program(spec), Status::ok);
    Peer viewer;
    viewer.address = {*IpAddress::parse("10.77.0.2"), 2000};
    viewer.transport = 70;
    s.viewers.push_back(viewer);
    s.sequences.resize(1);
    s.legs.push_back(s.h.add_video_leg(viewer, s.source, Stage::ssrc(0), Stage::rtx_ssrc(0)));
    s.publish(true);
    s.settle();
    spec.owner = 2;
    ASSERT_EQ(s.apply(spec), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 1));
    // Its handshake comes by the port that it knows, and is punted by the owner.
    s.h.send(viewer, Frame{22, 0xfe, 0xfd, 0, 0});
    s.settle();
    static abi::PacketSlot slot;
    auto ring = punt_ring(s.h, abi::PuntClass::dtls, 1);
    ASSERT_EQ(ring.pop(slot), abi::PacketRingConsumer::Result::ok);
    EXPECT_EQ(slot.record.transport, abi::TransportId{70});
    EXPECT_EQ(slot.record.flow.local_port, 7882);
    // The answer goes out of the port that the peer knows.
    abi::PacketRingProducer inject(s.h.plane().rings().data() + abi::RingLayout::inject(1), abi::RingLayout::slots);
    abi::PacketRecord answer;
    answer.transport = abi::TransportId{70};
    answer.flow = slot.record.flow;
    const Frame last_flight{20, 0xfe, 0xfd, 0, 0};
    spec.suite = abi::CryptoSuite::plaintext;
    ASSERT_EQ(s.apply(spec), Status::ok);
    s.settle();
    s.frames.clear();
    ASSERT_TRUE(inject.push(answer, last_flight));
    s.settle();
    EXPECT_EQ(s.h.drops(DropReason::inject_invalid), 0u);
    s.publish(true);
    s.settle();
    ASSERT_FALSE(s.sequences[0].empty()) << "the injected flight did not reach the owner";
}

TEST(Move, OnlyThoseWhoPublishNothingMoveAndOnlyToAWorkerThatThereIs) {
    Stage s;
    s.join(0);
    abi::TransportSpec publisher = s.h.transport_spec(s.publisher.transport, 1000, 0);
    publisher.owner = 2;
    EXPECT_EQ(s.h.program(publisher), Status::not_movable);
    publisher.owner = 1;
    EXPECT_EQ(s.h.program(publisher), Status::ok);
    EXPECT_EQ(s.ask(0, 2), Status::bad_worker);
    // Who begins to publish while he is about to move stays.
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    abi::SourceSpec source;
    source.id = abi::SourceId{77};
    source.transport = static_cast<abi::TransportId>(s.viewers[0].transport);
    source.generation = 1;
    source.kind = abi::MediaKind::audio;
    source.ssrc = 0x7777;
    ASSERT_EQ(s.apply(source), Status::ok);
    s.turn(50);
    EXPECT_EQ(s.owner_of(0), 0u);
}

TEST(Move, AnotherDataPlaneIsGivenTheOwnersAsTheyWere) {
    Stage s;
    const auto port = static_cast<std::uint16_t>(2000);
    abi::TransportSpec spec = s.h.transport_spec(60, port, 0);
    spec.owner = 2;
    ASSERT_EQ(s.h.program(spec), Status::ok);
    Peer viewer;
    viewer.address = {*IpAddress::parse("10.77.0.2"), port};
    viewer.transport = 60;
    s.viewers.push_back(viewer);
    s.sequences.resize(1);
    s.legs.push_back(s.h.add_video_leg(viewer, s.source, Stage::ssrc(0), Stage::rtx_ssrc(0)));
    EXPECT_EQ(s.h.counters(1).legs, 1u);
    s.h.send(viewer, check("uf000060:peer"));
    s.feedback(viewer, [&](wire::RtcpWriter& out) { return out.receiver_report(1); });
    s.publish(true);
    s.settle();
    EXPECT_EQ(s.h.counters(1).stun_answered, 1u);
    s.expect_all(0, 1);
    EXPECT_EQ(s.h.total_drops(), 0u);
    std::uint16_t owner = 0;
    (void)s.h.plane().registry().dump([&](ByteView record) {
        if (const auto m = abi::read_as<abi::TransportSpec>(record); m && m->id == abi::TransportId{60}) owner = m->owner;
    });
    EXPECT_EQ(owner, 2);
    // Who knows nothing of owners changes none.
    spec.owner = 0;
    ASSERT_EQ(s.h.program(spec), Status::ok);
    s.turn(50);
    EXPECT_EQ(s.owner_of(0), 1u);
}

// The port of its worker stands still, and meanwhile the other worker's history is trimmed, as the pool runs low.
TEST(Move, AGapIsCountedAndTheViewerBeginsAnewWithAKeyframe) {
    Stage s(0, 128);
    constexpr unsigned viewers = 8;
    for (unsigned i = 0; i < viewers; ++i) s.join(0);
    s.publish(true);
    s.settle();
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    std::vector<std::uint64_t> others;
    for (std::uint32_t i = 0; i < 8; ++i) others.push_back(s.h.add_video_source(s.publisher, 0x5000 + i));
    ASSERT_EQ(s.owner_of(0), 1u) << "idle, it goes at once";
    ASSERT_EQ(s.ask(0, 0), Status::ok);
    ASSERT_TRUE(s.until_owned(0, 0));
    (void)s.h.received();
    // Nobody drains the port: frames wait for it, and who is served there does not leave.
    for (int i = 0; i < 100; ++i) s.publish(false, 900);
    s.h.turn(20);
    ASSERT_EQ(s.ask(0, 1), Status::ok);
    s.h.turn(10);
    for (int i = 0; i < 400; ++i) {
        s.publish(false, 900);
        s.h.turn(1);
    }
    for (std::uint16_t n = 0; n < 1000; ++n) {
        for (std::uint32_t i = 0; i < 8; ++i) s.h.send(s.publisher, vp8_packet(n, 3000u * n, 0x5000 + i, false, 900));
        s.h.turn(1);
    }
    ASSERT_EQ(s.owner_of(0), 0u);
    ASSERT_TRUE(s.until_owned(0, 1));
    s.settle();
    const std::uint64_t gap = s.h.drops(DropReason::move_gap);
    EXPECT_GT(gap, 0u);
    const std::size_t before = s.sequences[0].size();
    // What the other worker still had is of no use without what is gone: it waits for the keyframe that it has asked for.
    EXPECT_LE(before + gap, s.sent);
    EXPECT_GE(before + gap + 100, s.sent) << "more is missing than was counted, and the rest of its history";
    s.publish(true);
    for (int i = 0; i < 5; ++i) s.publish();
    s.settle();
    EXPECT_EQ(s.sequences[0].size(), before + 6);
    for (std::size_t i = 0; i + 1 < s.sequences[0].size(); ++i)
        ASSERT_EQ(static_cast<std::uint16_t>(s.sequences[0][i] + 1), s.sequences[0][i + 1]);
}

}  // namespace
}  // namespace sluice::test
