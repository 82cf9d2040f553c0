#include <gmock/gmock.h>

#include "controlplane/room/test_world.hpp"

namespace sluice::room {
namespace {

using abi::MediaKind;
using test::Peer;
using whip::Role;

using EngineTest = test::World;

TEST_F(EngineTest, APublisherGetsItsKeysIntoTheDataPlaneByCheckAndHandshake) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    ASSERT_TRUE(join(camera, Role::publish));
    const abi::TransportSpec& before = plane->transports().at(camera.id);
    EXPECT_EQ((std::string_view{before.ice.ufrag.data(), before.ice.ufrag.size()}), camera.server.ufrag);
    EXPECT_EQ(before.flags & abi::transport_validated, 0);
    EXPECT_TRUE(before.path.empty());
    EXPECT_EQ(camera.answer.media.front().candidates.front().port, 7882 + camera.worker);

    connect(camera);
    const abi::TransportSpec& spec = plane->transports().at(camera.id);
    EXPECT_NE(spec.flags & abi::transport_validated, 0);
    EXPECT_EQ(spec.path, camera.flow);
    EXPECT_EQ(spec.suite, abi::CryptoSuite::aead_aes_128_gcm);
    EXPECT_EQ(spec.rx_key.key, camera.dtls->keys()->local_key);
    EXPECT_EQ(spec.tx_key.key, camera.dtls->keys()->remote_key);

    ASSERT_EQ(plane->sources().size(), 2u);
    for (const auto& [id, source] : plane->sources()) {
        EXPECT_EQ(source.transport, camera.id);
        if (source.kind != MediaKind::video) continue;
        EXPECT_EQ(source.ssrc, 2393559313u);
        EXPECT_EQ(source.rtx_ssrc, 386748977u);
        EXPECT_EQ(source.payloads[0].payload_type, 96);
        EXPECT_EQ(source.payloads[0].rtx_payload_type, 97);
        EXPECT_EQ(source.payloads[0].codec, abi::CodecId::vp8);
        EXPECT_EQ(source.payloads[0].clock_rate, 90'000u);
        EXPECT_EQ(source.flags, abi::source_nack | abi::source_pli | abi::source_fir | abi::source_transport_cc);
    }
}

TEST_F(EngineTest, AViewerFollowsThePublisherOfItsRoom) {
    boot();
    Peer camera(test::golden(test::single_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(camera, Role::publish);
    enter(viewer, Role::watch);
    const abi::LegSpec* video = leg_of(viewer, MediaKind::video);
    ASSERT_NE(video, nullptr);
    EXPECT_EQ(video->source, sources_of(camera, MediaKind::video).front());
    EXPECT_EQ(video->payloads[0].payload_type, 96);
    EXPECT_EQ(video->payloads[0].rtx_payload_type, 97);
    EXPECT_EQ(video->payloads[1].payload_type, 0xff);
    EXPECT_NE(video->ssrc, 0u);
    EXPECT_NE(video->rtx_ssrc, 0u);
    EXPECT_LT(video->start_index, 1u << 15);
    EXPECT_EQ(video->clock_rate, 90'000u);
    ASSERT_NE(leg_of(viewer, MediaKind::audio), nullptr);
    EXPECT_EQ(leg_of(viewer, MediaKind::audio)->source, sources_of(camera, MediaKind::audio).front());
    const auto& received = plane->received();
    EXPECT_FALSE(std::any_of(received.begin(), received.end(), [](const auto& m) {
        return m.type == abi::MessageType::request_keyframe;
    })) << "the worker knows better whether its cache has one";
}

TEST_F(EngineTest, AViewerWhoIsEarlyGetsItsLegsWhenThePublisherComes) {
    boot();
    Peer camera(test::golden(test::single_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(viewer, Role::watch);
    EXPECT_TRUE(plane->legs().empty());
    enter(camera, Role::publish);
    ASSERT_NE(leg_of(viewer, MediaKind::video), nullptr);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, sources_of(camera, MediaKind::video).front());
}

TEST_F(EngineTest, APublisherWhoComesBackIsPickedUpAndAnOlderOneServesWhenItLeaves) {
    boot();
    Peer first(test::golden(test::single_send), 5000), again(test::golden(test::single_send), 5002),
        viewer(test::golden(test::receive), 5001);
    enter(first, Role::publish);
    enter(viewer, Role::watch);
    const abi::LegSpec before = *leg_of(viewer, MediaKind::video);
    skew_ns += 5'000'000;
    enter(again, Role::publish);
    const abi::LegSpec* leg = leg_of(viewer, MediaKind::video);
    EXPECT_EQ(leg->source, sources_of(again, MediaKind::video).front());
    EXPECT_EQ(leg->id, before.id);
    EXPECT_EQ(leg->ssrc, before.ssrc);

    ASSERT_TRUE(erase(again.created->session_id)->has_value());
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, sources_of(first, MediaKind::video).front());

    // Nobody is left: the leg waits, and keeps its packet index.
    ASSERT_TRUE(erase(first.created->session_id)->has_value());
    ASSERT_NE(leg_of(viewer, MediaKind::video), nullptr);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, abi::SourceId::none);
    EXPECT_TRUE(plane->sources().empty());
}

TEST_F(EngineTest, NoCommonCodecIsAnEventAndNoLeg) {
    boot();
    // The viewer takes H.264 only; the camera sends VP8.
    std::string offer = test::golden(test::receive);
    offer =
        std::regex_replace(offer, std::regex("m=video 9 UDP/TLS/RTP/SAVPF [0-9 ]+"), "m=video 9 UDP/TLS/RTP/SAVPF 102 103");
    offer = std::regex_replace(offer,
                               std::regex("a=(rtpmap|fmtp|rtcp-fb):(96|97|98|99|100|101|35|36|37|38|104|107|108|109|114|115|"
                                          "116|117|39|40|41|42|43|44|45|46|47|48|118|119|120|49) [^\r\n]*\r?\n"),
                               "");
    Peer camera(test::golden(test::single_send), 5000), viewer(offer, 5001);
    enter(camera, Role::publish);
    enter(viewer, Role::watch);
    EXPECT_EQ(leg_of(viewer, MediaKind::video), nullptr);
    EXPECT_NE(leg_of(viewer, MediaKind::audio), nullptr);
    EXPECT_TRUE(noted("no common codec"));
}

TEST_F(EngineTest, OfASimulcastPublisherTheHighestLiveLayerUpTo720pIsSent) {
    boot();
    Peer camera(test::golden(test::simulcast_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(camera, Role::publish);
    enter(viewer, Role::watch);
    const auto layers = sources_of(camera, MediaKind::video);
    ASSERT_EQ(layers.size(), 3u);
    const auto flow = [&](std::size_t i, std::uint16_t width, std::uint16_t height, std::uint64_t bytes) {
        abi::SourceSlot* slot = plane->slot(layers[i]);
        ASSERT_NE(slot, nullptr);
        slot->width = width;
        slot->height = height;
        slot->bytes += bytes;
    };
    const auto step = [&](bool f) {
        flow(0, 320, 180, 1000);
        flow(1, 640, 360, 3000);
        if (f) flow(2, 1280, 720, 9000);
        skew_ns += 500'000'000;
        plane->segment().heartbeat += 50;
        engine().tick_slow();
        settle();
    };
    step(true);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, layers[2]);
    for (int i = 0; i < 5; ++i) step(false);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, layers[1]);
    for (int i = 0; i < 5; ++i) step(true);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, layers[2]);
}

TEST_F(EngineTest, ABusyNodeLetsNobodyInAndSendsLowerLayersUntilItIsNoLonger) {
    boot();
    Peer camera(test::golden(test::simulcast_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(camera, Role::publish);
    enter(viewer, Role::watch);
    const auto layers = sources_of(camera, MediaKind::video);
    ASSERT_EQ(layers.size(), 3u);
    const auto second = [&](std::uint64_t percent) {
        for (int half = 0; half < 2; ++half) {
            constexpr std::uint16_t heights[] = {180, 360, 720};
            for (std::size_t i = 0; i < layers.size(); ++i) {
                abi::SourceSlot* slot = plane->slot(layers[i]);
                slot->width = static_cast<std::uint16_t>(heights[i] * 16 / 9);
                slot->height = heights[i];
                slot->bytes += 1000 * (i + 1);
            }
            skew_ns += 500'000'000;
            plane->segment().heartbeat += 50;
            engine().tick_slow();
            settle();
        }
        for (std::uint32_t w = 0; w < plane->segment().workers; ++w) {
            plane->worker(w).total_cycles += 1'000'000;
            plane->worker(w).busy_cycles += 10'000 * percent;
        }
        engine().tick_meters();
    };
    const auto told = [&](std::string_view text) {
        return std::ranges::any_of(engine().events().after(0, ""),
                                   [&](const Event& e) { return e.text.find(text) != std::string::npos; });
    };
    const auto refused = [&] { return engine().counters().refused[static_cast<std::size_t>(AdmissionReason::busy)]; };
    const auto knocks = [&](std::uint16_t port) {
        Peer newcomer(test::golden(test::receive), port);
        const std::uint64_t before = refused();
        const bool answer = join(newcomer, Role::watch);
        EXPECT_EQ(answer, refused() == before);
        return answer;
    };
    for (int i = 0; i < 3; ++i) second(50);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, layers[2]);
    second(85);
    EXPECT_FALSE(knocks(5100));
    EXPECT_TRUE(told("newcomers are refused"));
    second(75);
    EXPECT_FALSE(knocks(5101)) << "it flutters";
    for (int i = 0; i < 5; ++i) second(95);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, layers[1]);
    EXPECT_TRUE(told("one layer lower"));
    for (int i = 0; i < 8; ++i) second(40);
    EXPECT_TRUE(knocks(5102));
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, layers[2]);
    EXPECT_TRUE(told("layers are as before"));
}

// 50 packets a second of 100 bytes are 40 kbit/s of payload and 66 on the wire; what a port is held to is counted there.
TEST_F(EngineTest, WhatAPortCarriesIsCountedAsOnTheWire) {
    options.budget.egress_bps = 2 * 66'400 + 1000;
    boot();
    Peer microphone(test::golden(test::single_send), 5000);
    enter(microphone, Role::publish);
    abi::SourceSlot* slot = plane->slot(sources_of(microphone, MediaKind::audio).front());
    ASSERT_NE(slot, nullptr);
    for (int second = 0; second < 3; ++second) {
        slot->packets += 50;
        slot->bytes += 50 * 100;
        skew_ns += 1'000'000'000;
        engine().tick_meters();
    }
    Peer first(test::golden(test::receive), 5001), second(test::golden(test::receive), 5002),
        third(test::golden(test::receive), 5003);
    EXPECT_TRUE(join(first, Role::watch));
    EXPECT_TRUE(join(second, Role::watch));
    EXPECT_FALSE(join(third, Role::watch)) << "payload alone would have left room for a third";
    ASSERT_TRUE(third.refused);
    EXPECT_THAT(third.refused->detail, testing::HasSubstr("Mbit/s"));
}

TEST_F(EngineTest, AFullNodeRefusesWithAReasonAndATimeToComeBack) {
    options.budget.sessions = 1;
    boot();
    Peer camera(test::golden(test::single_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(camera, Role::publish);
    EXPECT_FALSE(join(viewer, Role::watch));
    ASSERT_TRUE(viewer.refused);
    EXPECT_EQ(viewer.refused->status, 503);
    EXPECT_TRUE(viewer.refused->retry_after_s);
    EXPECT_THAT(viewer.refused->detail, testing::HasSubstr("1 sessions"));
    EXPECT_TRUE(noted("viewer refused"));
    EXPECT_EQ(plane->transports().size(), 1u);
}

TEST_F(EngineTest, AnOfferThatIsNoSdpOrHasNoMediaLeavesNothingBehind) {
    boot();
    for (const std::string& offer :
         {std::string{"v=0\r\n"}, std::string{"hello"}, test::golden("chromium156-datachannel-only.sdp")}) {
        std::optional<int> status;
        engine().create(Role::publish, "r", std::nullopt, offer,
                        [&](auto result) { status = result ? 201 : result.error().status; });
        ASSERT_TRUE(status);
        EXPECT_TRUE(*status == 400 || *status == 406 || *status == 422) << *status;
    }
    EXPECT_TRUE(engine().sessions().empty());
    EXPECT_TRUE(engine().rooms().empty());
    settle();
    EXPECT_TRUE(plane->transports().empty());
    EXPECT_EQ(plane->blobs().size(), 1u);  // the certificate
}

TEST_F(EngineTest, ARefusalOfTheDataPlaneLeavesNothingBehind) {
    boot();
    plane->hold_acks(true);
    Peer camera(test::golden(test::single_send), 5000);
    std::optional<whip::Refusal> refused;
    // Acks are held, so that the id is known before the data plane refuses it: what it sends next fails.
    engine().create(Role::publish, "r", std::nullopt, camera.offer, [&](auto result) {
        if (!result) refused = result.error();
    });
    plane->refuse(dpclient::key_of(engine().sessions().begin()->first), abi::Status::capacity);
    settle();
    plane->hold_acks(false);
    ASSERT_TRUE(until([&] { return refused.has_value(); }));
    EXPECT_EQ(refused->status, 503);
    EXPECT_TRUE(engine().sessions().empty());
    settle();
    EXPECT_TRUE(plane->transports().empty());
    EXPECT_TRUE(plane->sources().empty());
}

TEST_F(EngineTest, ThirtySecondsOfSilenceEndASession) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    enter(camera, Role::publish);
    plane->send(abi::EventTransportSilent{.transport = camera.id, .silent_ms = 15'000});
    settle();
    EXPECT_EQ(engine().sessions().size(), 1u);
    plane->send(abi::EventTransportSilent{.transport = camera.id, .silent_ms = 30'000});
    ASSERT_TRUE(until([&] { return engine().sessions().empty(); }));
    settle();
    EXPECT_TRUE(plane->transports().empty());
    EXPECT_TRUE(plane->sources().empty());
    EXPECT_EQ(plane->blobs().size(), 2u);  // the certificate and the room
}

TEST_F(EngineTest, AHandshakeThatIsNeverDoneEndsTheSession) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    ASSERT_TRUE(join(camera, Role::publish));
    skew_ns += 31'000'000'000;
    settle();
    EXPECT_TRUE(engine().sessions().empty());
    EXPECT_TRUE(plane->transports().empty());
    EXPECT_TRUE(noted("no connectivity check"));
}

TEST_F(EngineTest, ACloseNotifyEndsTheSession) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    enter(camera, Role::publish);
    camera.dtls->close();
    ASSERT_TRUE(pump_until(camera, [&] { return engine().sessions().empty(); }));
}

TEST_F(EngineTest, AJoinThatEndsDuringItsHandshakeLeavesNothing) {
    boot();
    Peer viewer(test::golden(test::receive), 5001), late(test::golden(test::receive), 5002);
    for (Peer* peer : {&viewer, &late}) {
        ASSERT_TRUE(join(*peer, Role::watch));
        punt(*peer, abi::PuntClass::stun, check_of(*peer));
        ASSERT_TRUE(pump_until(*peer, [&] { return peer->stun_answers > 0; }));
        peer->dtls.emplace(peer->context, dtls::Role::client,
                           dtls::Fingerprints{*dtls::parse_fingerprint(
                               "sha-256 " + peer->answer.media.front().fingerprints.front().value)});
        peer->dtls->start();
        std::vector<std::uint8_t> hello;
        ASSERT_TRUE(peer->dtls->take_output(hello));
        punt(*peer, abi::PuntClass::dtls, hello);
    }
    // In the same turn: its ClientHello is with a thread, whose answer finds nobody.
    io.restart();
    io.poll();
    ASSERT_TRUE(erase(viewer.created->session_id)->has_value());
    EXPECT_EQ(engine().sessions().size(), 1u);
    EXPECT_EQ(plane->transports().size(), 1u);
    ASSERT_TRUE(pump_until(late, [&] { return late.dtls->state() == dtls::State::connected; })) << "others' go on";
    // And this process ends with a handshake under way.
    Peer third(test::golden(test::receive), 5003);
    ASSERT_TRUE(join(third, Role::watch));
    punt(third, abi::PuntClass::stun, check_of(third));
    settle();
    life.reset();
}

TEST_F(EngineTest, ALostLastFlightIsRepeatedWhenTheClientRepeatsItsOwn) {
    boot();
    Peer viewer(test::golden(test::receive), 5001);
    ASSERT_TRUE(join(viewer, Role::watch));
    punt(viewer, abi::PuntClass::stun, check_of(viewer));
    ASSERT_TRUE(pump_until(viewer, [&] { return viewer.stun_answers > 0; }));
    viewer.dtls.emplace(
        viewer.context, dtls::Role::client,
        dtls::Fingerprints{*dtls::parse_fingerprint("sha-256 " + viewer.answer.media.front().fingerprints.front().value)});
    viewer.dtls->start();
    // The first flights pass; what the server says once it has the keys is lost.
    const auto keyed = [&] { return plane->transports().at(viewer.id).suite != abi::CryptoSuite::none; };
    ASSERT_TRUE(pump_until(viewer, [&] { return viewer.dtls->counters().datagrams_sent > 1; }));
    ASSERT_TRUE(until([&] {
        if (!keyed()) return false;
        settle();
        bool lost = false;
        while (const auto out = plane->take_injected(viewer.worker)) lost |= out->record.transport == viewer.id;
        return lost;
    }));
    ASSERT_EQ(viewer.dtls->state(), dtls::State::connecting);
    ASSERT_TRUE(pump_until(viewer, [&] { return viewer.dtls->state() != dtls::State::connecting; }));
    EXPECT_EQ(viewer.dtls->state(), dtls::State::connected) << viewer.dtls->error();
}

TEST_F(EngineTest, JoinsBeyondTheQueueAreAskedToComeBackAndThoseInItGoOn) {
    options.budget.joins = 2;
    boot();
    Peer camera(test::golden(test::single_send), 5000), first(test::golden(test::receive), 5001),
        second(test::golden(test::receive), 5002), third(test::golden(test::receive), 5003);
    enter(camera, Role::publish);
    ASSERT_TRUE(join(first, Role::watch));
    ASSERT_TRUE(join(second, Role::watch));
    EXPECT_FALSE(join(third, Role::watch));
    ASSERT_TRUE(third.refused);
    EXPECT_EQ(third.refused->status, 503);
    EXPECT_EQ(third.refused->retry_after_s, 1);
    EXPECT_THAT(third.refused->detail, testing::HasSubstr("2 joins are under way"));
    EXPECT_EQ(engine().counters().refused[static_cast<std::size_t>(AdmissionReason::joins)], 1u);
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(join(third, Role::watch));
    EXPECT_EQ(std::ranges::count_if(engine().rooms().at("r").events,
                                    [](const Event& e) { return e.text.find("refused") != std::string::npos; }),
              1)
        << "once a second";
    connect(first);
    settle();
    third.refused.reset();
    EXPECT_TRUE(join(third, Role::watch)) << "one is through";
    connect(second);
    EXPECT_TRUE(engine().find(camera.id)->state.connected());
}

TEST_F(EngineTest, AnEmptyRoomIsForgottenAfterItsTimeout) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    enter(camera, Role::publish);
    erase(camera.created->session_id);
    EXPECT_EQ(engine().rooms().size(), 1u);
    skew_ns += options.empty_room_ns + 1;
    engine().tick_slow();
    settle();
    EXPECT_TRUE(engine().rooms().empty());
    EXPECT_EQ(plane->blobs().size(), 1u);
}

}  // namespace
}  // namespace sluice::room
