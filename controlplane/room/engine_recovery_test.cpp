#include <gmock/gmock.h>

#include "controlplane/room/test_world.hpp"
#include "signaling/sdp/trickle.hpp"

namespace sluice::room {
namespace {

using abi::MediaKind;
using test::Peer;
using whip::Role;

class RecoveryTest : public test::World {
protected:
    std::optional<std::expected<whip::Patched, whip::Refusal>> patch(const std::string& resource,
                                                                     const std::string& fragment,
                                                                     std::optional<std::string> if_match) {
        std::optional<std::expected<whip::Patched, whip::Refusal>> outcome;
        engine().patch(resource, fragment, std::move(if_match),
                       [&](std::expected<whip::Patched, whip::Refusal> r) { outcome = std::move(r); });
        settle();
        return outcome;
    }
    const std::string restart =
        "a=ice-ufrag:newu\r\na=ice-pwd:newpasswordnewpassword12\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
};

TEST_F(RecoveryTest, ASessionIsNotDeniedBeforeTheDataPlaneHasToldOfIt) {
    boot();
    Peer viewer(test::golden(test::receive), 5001);
    enter(viewer, Role::watch);
    const std::string resource = engine().find(viewer.id)->state.resource;
    life.reset();
    settle();
    life.emplace(io, plane_options.path, options, skew_ns);
    std::optional<whip::Refusal> refused;
    engine().patch(resource, restart, std::nullopt, [&](auto result) { refused = result.error(); });
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(refused->retry_after_s, 1u);
    refused.reset();
    engine().remove(resource, [&](auto result) { refused = result.error(); });
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 503);
    ASSERT_TRUE(until([&] { return engine().not_ready().empty(); }));
    EXPECT_TRUE(patch(resource, restart, std::nullopt)->has_value());
}

TEST_F(RecoveryTest, AKilledControlPlaneAdoptsEverySession) {
    boot();
    Peer camera(test::golden(test::single_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(camera, Role::publish);
    enter(viewer, Role::watch);
    const std::string fingerprint = engine().fingerprint();
    const auto legs = plane->legs();
    const auto transports = plane->transports();
    const session::SessionState state = engine().find(viewer.id)->state;

    life.reset();
    settle();
    begin();
    EXPECT_EQ(engine().fingerprint(), fingerprint);
    ASSERT_EQ(engine().sessions().size(), 2u);
    const session::SessionState& adopted = engine().find(viewer.id)->state;
    EXPECT_EQ(*session::encode(adopted), *session::encode(state));
    EXPECT_EQ(engine().find(viewer.id)->peer.phase(), session::PeerPhase::connected);
    EXPECT_EQ(engine().rooms().at("r").viewers.size(), 1u);
    EXPECT_EQ(engine().rooms().at("r").publishers.size(), 1u);
    settle();
    ASSERT_EQ(plane->legs().size(), legs.size());
    for (const auto& [id, leg] : legs) {
        EXPECT_EQ(plane->legs().at(id).source, leg.source);
        EXPECT_EQ(plane->legs().at(id).ssrc, leg.ssrc);
        EXPECT_EQ(plane->legs().at(id).start_index, leg.start_index);
    }
    for (const auto& [id, t] : transports) {
        EXPECT_EQ(plane->transports().at(id).rx_key.key, t.rx_key.key);
        EXPECT_EQ(plane->transports().at(id).path, t.path);
    }

    // It goes on being the control plane of these sessions.
    Peer second(test::golden(test::single_send), 5003);
    skew_ns += 5'000'000;
    enter(second, Role::publish);
    EXPECT_EQ(leg_of(viewer, MediaKind::video)->source, sources_of(second, MediaKind::video).front());
    ASSERT_TRUE(erase(camera.created->session_id)->has_value());
    EXPECT_FALSE(plane->transports().contains(camera.id));
    EXPECT_FALSE(erase(camera.created->session_id)->has_value());
    const auto restarted = patch(viewer.created->session_id, restart, "*");
    ASSERT_TRUE(restarted && restarted->has_value());
    EXPECT_TRUE((*restarted)->fragment);
}

TEST_F(RecoveryTest, AHandshakeCutOffByAKillStartsAgain) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    ASSERT_TRUE(join(camera, Role::publish));
    life.reset();
    settle();
    begin();
    ASSERT_EQ(engine().sessions().size(), 1u);
    EXPECT_EQ(engine().find(camera.id)->peer.phase(), session::PeerPhase::checking);
    connect(camera);
    EXPECT_TRUE(engine().find(camera.id)->state.connected());
}

TEST_F(RecoveryTest, ARestartedDataPlaneIsProgrammedAgain) {
    boot();
    Peer camera(test::golden(test::single_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(camera, Role::publish);
    enter(viewer, Role::watch);
    const auto keys = plane->transports().at(viewer.id).tx_key.key;
    plane->kill();
    ASSERT_TRUE(until([&] { return !engine().not_ready().empty(); }));
    Peer late(test::golden(test::receive), 5004);
    EXPECT_FALSE(join(late, Role::watch));
    EXPECT_EQ(late.refused->status, 503);
    plane->boot();
    ASSERT_TRUE(until([&] { return engine().not_ready().empty(); }));
    EXPECT_EQ(plane->transports().at(viewer.id).tx_key.key, keys);
    EXPECT_EQ(plane->legs().size(), 2u);
    EXPECT_EQ(engine().sessions().size(), 2u);
}

TEST_F(RecoveryTest, AnIceRestartMakesNewCredentialsAndKeepsTheOld) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    enter(camera, Role::publish);
    const std::string etag = camera.created->etag;
    const auto patched = patch(camera.created->session_id, restart, "*");
    ASSERT_TRUE(patched && patched->has_value());
    EXPECT_NE((*patched)->etag, etag);
    const auto fragment = sdp::parse_trickle(*(*patched)->fragment);
    ASSERT_TRUE(fragment) << fragment.error().message;
    const abi::TransportSpec& spec = plane->transports().at(camera.id);
    EXPECT_EQ((std::string_view{spec.ice.ufrag.data(), 8}), fragment->ice_ufrag);
    EXPECT_EQ((std::string_view{spec.previous_ice.ufrag.data(), 8}), camera.server.ufrag);
    EXPECT_NE(fragment->ice_ufrag, camera.server.ufrag);
    EXPECT_EQ(spec.suite, abi::CryptoSuite::aead_aes_128_gcm);  // DTLS goes on

    const auto stale = patch(camera.created->session_id, "a=ice-ufrag:2ZAj\r\na=ice-pwd:7CoKen8n7Bp26QgE0CJrtH7j\r\n", etag);
    ASSERT_TRUE(stale);
    EXPECT_EQ(stale->error().status, 412);

    // A check with the new credentials from a new address is answered, and moves the path.
    camera.server = {fragment->ice_ufrag, fragment->ice_pwd};
    camera.ufrag = "newu";
    camera.flow.remote_port = 6000;
    camera.stun_answers = 0;
    punt(camera, abi::PuntClass::stun, check_of(camera));
    ASSERT_TRUE(pump_until(camera, [&] { return camera.stun_answers > 0; }));
    settle();
    EXPECT_EQ(plane->transports().at(camera.id).path, camera.flow);
}

TEST_F(RecoveryTest, TrickledCandidatesAreAcknowledgedAndChangeNothing) {
    boot();
    Peer camera(test::golden(test::single_send), 5000);
    ASSERT_TRUE(join(camera, Role::publish));
    const auto patched =
        patch(camera.created->session_id,
              "a=ice-ufrag:2ZAj\r\na=ice-pwd:7CoKen8n7Bp26QgE0CJrtH7j\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
              "a=candidate:1 1 udp 2122260223 0b2f.local 50000 typ host\r\n",
              camera.created->etag);
    ASSERT_TRUE(patched && patched->has_value()) << patched->error().detail;
    EXPECT_FALSE((*patched)->fragment);
    EXPECT_EQ((*patched)->etag, camera.created->etag);
    EXPECT_EQ(patch("nobody", "", std::nullopt)->error().status, 404);
    EXPECT_EQ(patch(camera.created->session_id, "m=\r\n", std::nullopt)->error().status, 400);
}

TEST_F(RecoveryTest, APathThatAWorkerMovedIsKeptByLaterChanges) {
    boot();
    Peer camera(test::golden(test::single_send), 5000), viewer(test::golden(test::receive), 5001);
    enter(camera, Role::publish);
    abi::EventPath event{.transport = camera.id, .path = camera.flow};
    event.path.remote_port = 7777;
    plane->send(event);
    settle();
    ASSERT_TRUE(patch(camera.created->session_id, restart, "*")->has_value());
    EXPECT_EQ(engine().program().find(camera.id)->path.remote_port, 7777);
    EXPECT_EQ(engine().find(camera.id)->peer.path().remote_port, 7777);
}

}  // namespace
}  // namespace sluice::room
