// Shared by this folder's tests: a fake data plane, a control plane that can be killed and started again, and peers
// that really check and shake hands through the packet rings.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <regex>
#include <string>

#include "controlplane/core/clock.hpp"
#include "controlplane/core/random.hpp"
#include "controlplane/dpclient/fake_data_plane.hpp"
#include "controlplane/dtls/endpoint.hpp"
#include "controlplane/ice/test_peer.hpp"
#include "controlplane/room/engine.hpp"
#include "signaling/sdp/parse.hpp"

namespace sluice::room::test {

inline std::string golden(const std::string& name) {
    std::ifstream in(std::string{SLUICE_SDP_GOLDEN} + "/" + name);
    EXPECT_TRUE(in) << name;
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline const std::string single_send = "chromium156-single-send.sdp";
inline const std::string simulcast_send = "chromium156-simulcast-vp8-send.sdp";
inline const std::string receive = "chromium156-recvonly.sdp";

// One life of the control plane. Its destructor is its kill -9: nothing is said to anybody.
struct Life {
    Life(boost::asio::io_context& io, const std::string& socket, EngineOptions options, std::int64_t& skew_ns)
        : handshakes(1, [this, &io] {
              boost::asio::post(io, [this, alive = std::weak_ptr(alive_)] {
                  if (!alive.expired() && engine) engine->on_handshakes();
              });
          }) {
        dpclient::ClientOptions client_options;
        client_options.path = socket;
        client_options.retry = std::chrono::milliseconds(5);
        dpclient::ClientHandlers h;
        h.on_adopt = [this](const dpclient::Dump& dump) { engine->on_adopt(dump); };
        h.on_connected = [this](const abi::HelloReply& hello, dpclient::ResyncKind kind) {
            engine->on_connected(hello, kind);
        };
        h.on_punt = [this](const abi::PacketRecord& r, ByteView d) { engine->on_punt(r, d); };
        h.on_path = [this](const abi::EventPath& e) { engine->on_path(e); };
        h.on_silent = [this](const abi::EventTransportSilent& e) { engine->on_silent(e); };
        h.on_bye = [this](const abi::EventBye& e) { engine->on_bye(e); };
        client.emplace(io, program, std::move(client_options), std::move(h));
        engine.emplace(EngineEnvironment{.program = program,
                                         .client = *client,
                                         .handshakes = handshakes,
                                         .random = [](std::span<std::uint8_t> out) { core::random_bytes(out); },
                                         .now_ns = [&skew_ns] { return core::monotonic_ns() + skew_ns; },
                                         .unix_ms = [&skew_ns] { return (core::unix_ns() + skew_ns) / 1'000'000; }},
                       std::move(options));
        client->start();
    }
    dpclient::Program program;
    std::optional<dpclient::Client> client;
    std::shared_ptr<int> alive_ = std::make_shared<int>();
    session::HandshakePool handshakes;
    std::optional<Engine> engine;
};

// A browser: its certificate, its offer, its address.
struct Peer {
    dtls::Context context;
    abi::FlowAddress flow;
    std::string offer;
    std::optional<dtls::Endpoint> dtls;
    std::optional<whip::Created> created;
    std::optional<whip::Refusal> refused;
    sdp::SessionDescription answer;
    abi::TransportId id = abi::TransportId::none;
    std::uint32_t worker = 0;
    ice::Credentials server;
    std::string ufrag;
    std::size_t stun_answers = 0;

    Peer(std::string text, std::uint16_t port)
        : context(*dtls::Context::create(*dtls::Certificate::generate(core::unix_ns() / 1'000'000'000))) {
        flow.remote_ip = IpAddress::parse("192.0.2.9")->bytes;
        flow.remote_port = port;
        flow.local_ip = IpAddress::parse("10.78.82.2")->bytes;
        std::smatch found;
        if (std::regex_search(text, found, std::regex("a=ice-ufrag:(\\S+)"))) ufrag = found[1];
        offer = std::regex_replace(text, std::regex("a=fingerprint:sha-256 [0-9A-F:]+"),
                                   "a=fingerprint:sha-256 " + context.certificate().fingerprint_sha256());
    }
};

class World : public ::testing::Test {
protected:
    World() {
        char pattern[] = "/tmp/room-test-XXXXXX";
        directory_ = ::mkdtemp(pattern);
        plane_options.path = directory_ + "/control";
        plane_options.port.ip4 = IpAddress::parse("10.78.82.2")->bytes;
        plane_options.port.first_udp_port = 7882;
    }
    ~World() override {
        life.reset();
        plane.reset();
        std::filesystem::remove_all(directory_);
    }

    void boot() {
        plane.emplace(io, plane_options);
        plane->boot();
        begin();
    }
    void begin() {
        life.emplace(io, plane_options.path, options, skew_ns);
        ASSERT_TRUE(until([&] { return engine().not_ready().empty(); })) << engine().not_ready();
    }
    Engine& engine() { return *life->engine; }

    void turn() {
        io.restart();
        io.run_for(std::chrono::milliseconds(1));
        if (life) engine().tick();
    }
    template <typename Done>
    bool until(Done done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(3);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            turn();
        }
        return true;
    }
    void settle() {
        for (int i = 0; i < 10; ++i) turn();
    }

    // POST. True when it was accepted.
    bool join(Peer& peer, whip::Role role, const std::string& room = "r") {
        bool answered = false;
        engine().create(role, room, std::nullopt, peer.offer, [&](std::expected<whip::Created, whip::Refusal> result) {
            answered = true;
            if (result)
                peer.created = *result;
            else
                peer.refused = result.error();
        });
        EXPECT_TRUE(until([&] { return answered; }));
        if (!peer.created) return false;
        peer.answer = *sdp::parse(peer.created->answer_sdp);
        const sdp::MediaSection& first = peer.answer.media.front();
        peer.server = {first.ice_ufrag, first.ice_pwd};
        for (const auto& [id, s] : engine().sessions())
            if (s->state.resource == peer.created->session_id) {
                peer.id = id;
                peer.worker = s->state.worker;
            }
        peer.flow.local_port = first.candidates.front().port;
        return true;
    }
    std::vector<std::uint8_t> check_of(const Peer& peer, bool nominate = true) {
        ice::test::Check check;
        check.username = peer.server.ufrag + ":" + peer.ufrag;
        check.pwd = peer.server.pwd;
        check.use_candidate = nominate;
        return check.build();
    }
    void punt(Peer& peer, abi::PuntClass kind, ByteView datagram) {
        ASSERT_TRUE(plane->punt(peer.worker, kind, peer.id, peer.flow, datagram));
        plane->wake();
    }
    // What came back for this peer; other peers' datagrams are lost, so one peer shakes hands at a time.
    void pump(Peer& peer) {
        turn();
        while (const auto out = plane->take_injected(peer.worker)) {
            if (out->record.transport != peer.id || out->datagram.empty()) continue;
            EXPECT_EQ(out->record.flow, peer.flow);
            if (out->datagram[0] < 4)
                ++peer.stun_answers;
            else if (peer.dtls)
                peer.dtls->receive(out->datagram);
        }
        if (!peer.dtls) return;
        if (const auto due = peer.dtls->next_timeout(); due && *due <= 0) peer.dtls->handle_timeout();
        std::vector<std::uint8_t> datagram;
        while (peer.dtls->take_output(datagram)) punt(peer, abi::PuntClass::dtls, datagram);
    }
    bool pump_until(Peer& peer, const std::function<bool()>& done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(3);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            pump(peer);
        }
        return true;
    }
    // STUN and DTLS until both sides have keys.
    void connect(Peer& peer) {
        punt(peer, abi::PuntClass::stun, check_of(peer));
        ASSERT_TRUE(pump_until(peer, [&] { return peer.stun_answers > 0; }));
        const auto fingerprint = dtls::parse_fingerprint("sha-256 " + peer.answer.media.front().fingerprints.front().value);
        ASSERT_TRUE(fingerprint);
        peer.dtls.emplace(peer.context, dtls::Role::client, dtls::Fingerprints{*fingerprint});
        peer.dtls->start();
        ASSERT_TRUE(pump_until(peer, [&] { return peer.dtls->state() != dtls::State::connecting; }))
            << peer.dtls->counters().datagrams_received << " received, " << peer.dtls->counters().datagrams_sent << " sent, "
            << peer.dtls->counters().datagrams_ignored << " ignored; phase "
            << (engine().find(peer.id) ? static_cast<int>(engine().find(peer.id)->peer.phase()) : -1);
        ASSERT_EQ(peer.dtls->state(), dtls::State::connected) << peer.dtls->error();
        ASSERT_TRUE(until([&] { return plane->transports().at(peer.id).suite != abi::CryptoSuite::none; }));
    }
    void enter(Peer& peer, whip::Role role, const std::string& room = "r") {
        ASSERT_TRUE(join(peer, role, room)) << peer.refused->title << ": " << peer.refused->detail;
        connect(peer);
        settle();
    }
    std::optional<std::expected<void, whip::Refusal>> erase(const std::string& resource) {
        std::optional<std::expected<void, whip::Refusal>> outcome;
        engine().remove(resource, [&](std::expected<void, whip::Refusal> r) { outcome = std::move(r); });
        settle();
        return outcome;
    }
    // The sources of a publisher, of one kind, in the order of the SDP.
    std::vector<abi::SourceId> sources_of(const Peer& peer, abi::MediaKind kind) {
        std::vector<abi::SourceId> ids;
        for (const auto& line : engine().find(peer.id)->state.lines)
            if (line.kind == kind)
                for (const auto& layer : line.layers) ids.push_back(layer.source);
        return ids;
    }
    const abi::LegSpec* leg_of(const Peer& peer, abi::MediaKind kind) {
        for (const auto& [id, leg] : plane->legs())
            if (leg.transport == peer.id && leg.kind == kind) return &leg;
        return nullptr;
    }
    bool noted(const std::string& text, const std::string& room = "r") {
        for (const Event& e : engine().rooms().at(room).events)
            if (e.text.find(text) != std::string::npos) return true;
        return false;
    }

    boost::asio::io_context io;
    dpclient::FakeDataPlaneOptions plane_options;
    std::optional<dpclient::FakeDataPlane> plane;
    EngineOptions options;
    std::int64_t skew_ns = 0;
    std::optional<Life> life;

private:
    std::string directory_;
};

}  // namespace sluice::room::test
