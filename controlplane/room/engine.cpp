#include "controlplane/room/engine.hpp"

#include <algorithm>
#include <utility>

#include "controlplane/core/log.hpp"
#include "controlplane/room/room_blob.hpp"

namespace sluice::room {

using session::PeerPhase;
using session::PeerResult;
using session::Session;

namespace {

constexpr std::int64_t timeouts_apart_ns = 250'000'000;

}  // namespace

Engine::Engine(EngineEnvironment environment, EngineOptions options)
    : environment_(std::move(environment)), options_(std::move(options)) {}

Engine::~Engine() = default;

std::string Engine::not_ready() const {
    if (!environment_.client.connected()) return "not connected to the data plane";
    if (!environment_.client.synced()) return "synchronising with the data plane";
    if (!dtls_) return "no DTLS certificate";
    return {};
}

const Session* Engine::find(abi::TransportId id) const {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second.get();
}

Session* Engine::by_resource(std::string_view resource) {
    const auto found = by_resource_.find(resource);
    return found == by_resource_.end() ? nullptr : sessions_.at(found->second).get();
}

std::vector<Endpoint> Engine::addresses(std::uint16_t worker) const {
    const abi::PortInfo& port = environment_.client.hello().port;
    const auto udp_port = static_cast<std::uint16_t>(port.first_udp_port + worker);
    std::vector<Endpoint> endpoints;
    for (const IpAddress& address : options_.public_addresses) endpoints.push_back({address, udp_port});
    if (endpoints.empty())
        for (const IpAddress address : {IpAddress{port.ip4}, IpAddress{port.ip6}})
            if (address.bytes != std::array<std::uint8_t, 16>{} && !address.is_unspecified())
                endpoints.push_back({address, udp_port});
    return endpoints;
}

Session& Engine::keep(std::unique_ptr<Session> s) {
    Session& kept = *s;
    ++sessions_on(owner_of(kept));
    by_resource_.emplace(kept.state.resource, kept.state.id);
    if (!kept.state.connected()) pending_.insert(kept.state.id);
    sessions_.emplace(kept.state.id, std::move(s));
    return kept;
}

Room& Engine::room_for(const std::string& name) {
    const auto found = rooms_.find(name);
    if (found != rooms_.end()) return found->second;
    Room& room = rooms_[name];
    room.name = name;
    room.id = session::random_u64(environment_.random);
    room.created_unix_ms = unix_ms();
    program_room(room);
    note(room, "room created");
    return room;
}

void Engine::program_room(const Room& room) {
    environment_.program.upsert(encode(room));
}

bool Engine::program_state(const Session& s) {
    auto bytes = session::encode(s.state);
    if (!bytes) {
        core::log("engine").error("session {}: {}", session::hex_id(s.id()), bytes.error());
        return false;
    }
    return environment_.program.upsert(dpclient::Blob{.id = s.id(),
                                                      .owner = s.id(),
                                                      .kind = static_cast<std::uint16_t>(session::BlobKind::session),
                                                      .version = session::session_blob_version,
                                                      .bytes = std::move(*bytes)});
}

void Engine::apply(dpclient::ApplyCallback done) {
    environment_.client.apply([done = std::move(done)](dpclient::ApplyResult result) {
        if (!result.ok())
            core::log("engine").warn("the data plane refused a change: status {}, object {}",
                                     static_cast<int>(result.status), session::hex_id(result.object));
        if (done) done(result);
    });
}

void Engine::inject(const Session& s, const std::vector<session::Output>& outputs) {
    for (const session::Output& out : outputs) {
        const ByteView datagram{out.datagram.data(), out.datagram.size()};
        if (out.answers_check)
            environment_.client.inject_answer(owner_of(s), s.state.id, out.flow, datagram);
        else
            environment_.client.inject(owner_of(s), s.state.id, out.flow, datagram);
    }
}

// What a peer's input, its handshake or time led to.
void Engine::handle(Session& s, PeerResult result) {
    if (result.keys) return connected(s, *result.keys, std::move(result.outputs));
    const abi::TransportId id = s.state.id;
    if (result.begin_handshake) environment_.handshakes.begin(id, s.peer.take_handshake());
    if (const auto* programmed = environment_.program.find(id); programmed != nullptr && result.path_changed) {
        abi::TransportSpec spec = *programmed;
        spec.path = s.peer.path();
        spec.flags |= abi::transport_validated;
        environment_.program.upsert(spec);
    }
    inject(s, result.outputs);
    if (result.path_changed) apply();
    if (result.ended) end(id, result.reason);
}

void Engine::connected(Session& s, const dtls::SrtpKeys& keys, std::vector<session::Output> last_flight) {
    const abi::TransportId id = s.state.id;
    if (const auto* programmed = environment_.program.find(id)) {
        abi::TransportSpec spec = *programmed;
        session::set_keys(spec, keys);
        environment_.program.upsert(spec);
    }
    s.state.connected_unix_ms = unix_ms();
    program_state(s);
    pending_.erase(id);
    ++counters_.sessions_connected;
    Room& room = room_for(s.state.room);
    note(room, s.publishes() ? "publisher connected" : "viewer connected");
    if (s.publishes())
        bind(room);
    else
        bind_viewer(room, s);
    // The peer sends media as soon as it has the last flight: the keys must be there before it.
    apply([this, id, outputs = std::move(last_flight)](dpclient::ApplyResult) {
        const auto found = sessions_.find(id);
        if (found == sessions_.end()) return;
        inject(*found->second, outputs);
        found->second->peer.flight_left();
    });
}

void Engine::on_handshakes() {
    for (session::HandshakeResult& led : environment_.handshakes.take())
        if (const auto found = sessions_.find(led.session); found != sessions_.end())
            handle(*found->second, found->second->peer.handshake_led_to(std::move(led)));
}

void Engine::end(abi::TransportId id, const std::string& reason) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    const std::unique_ptr<Session> s = std::move(found->second);
    sessions_.erase(found);
    --sessions_on(owner_of(*s));
    moves_.erase(id);
    if (s->peer.handshaking()) environment_.handshakes.forget(id);
    by_resource_.erase(s->state.resource);
    pending_.erase(id);
    moved_ms_.erase(id);
    ++counters_.sessions_ended;
    inject(*s, s->peer.close().outputs);

    for (const session::MediaLine& line : s->state.lines) {
        if (line.leg != abi::LegId::none && environment_.program.find(line.leg) != nullptr)
            environment_.program.remove(line.leg);
        for (const session::Layer& layer : line.layers) environment_.program.remove(layer.source);
    }
    environment_.program.remove(id);
    environment_.program.remove_blob(s->id());
    core::log("engine").info("session {} of room {} ended: {}", session::hex_id(s->id()), s->state.room, reason);

    if (const auto room = rooms_.find(s->state.room); room != rooms_.end()) {
        room->second.leave(id);
        if (!s->publishes()) expected_.add(room->second.sends, -1);
        for (const session::MediaLine& line : s->state.lines)
            if (!line.layers.empty()) room->second.layers.erase(line.layers.front().source);
        note(room->second, std::string{s->publishes() ? "publisher left: " : "viewer left: "} + reason);
        if (s->publishes()) bind(room->second);
        if (room->second.empty()) room->second.empty_since_ns = environment_.now_ns();
    }
    apply();
}

bool Engine::kick(abi::TransportId id, const std::string& reason) {
    if (!sessions_.contains(id)) return false;
    end(id, reason);
    return true;
}

void Engine::on_punt(const abi::PacketRecord& record, ByteView datagram) {
    const auto found = sessions_.find(record.transport);
    if (found == sessions_.end()) {
        ++counters_.punts_unknown;
        return;
    }
    Session& s = *found->second;
    if (record.punt_class == abi::PuntClass::dtls) {
        if (s.peer.handshaking()) return environment_.handshakes.receive(s.state.id, datagram, record.flow);
        return handle(s, s.peer.receive_dtls(datagram, record.flow));
    }
    if (record.punt_class != abi::PuntClass::stun) return;
    ++counters_.checks;
    PeerResult result = s.peer.receive_stun(datagram, record.flow, environment_.now_ns());
    if (result.verdict != ice::CheckVerdict::valid) ++counters_.checks_refused;
    handle(s, std::move(result));
}

void Engine::on_silent(const abi::EventTransportSilent& event) {
    note_silence(event);
    if (event.silent_ms < options_.silent_ms) return;
    if (sessions_.contains(event.transport))
        return end(event.transport, "silent for " + std::to_string(event.silent_ms / 1000) + " s");
    // Adopted without a state that this version can read: nobody else will ever end it.
    std::vector<abi::LegId> legs;
    std::vector<abi::SourceId> sources;
    for (const auto& [id, leg] : environment_.program.legs())
        if (leg.transport == event.transport) legs.push_back(id);
    for (const auto& [id, source] : environment_.program.sources())
        if (source.transport == event.transport) sources.push_back(id);
    for (const abi::LegId id : legs) environment_.program.remove(id);
    for (const abi::SourceId id : sources) environment_.program.remove(id);
    environment_.program.remove(event.transport);
    environment_.program.remove_blob(static_cast<std::uint64_t>(event.transport));
    apply();
}

void Engine::tick() {
    const std::int64_t now = environment_.now_ns();
    events_.flush(now);
    // Half a minute's patience needs no finer clock, and a crowd's list is long.
    if (now < next_timeouts_ns_) return;
    next_timeouts_ns_ = now + timeouts_apart_ns;
    const std::vector<abi::TransportId> pending(pending_.begin(), pending_.end());
    for (const abi::TransportId id : pending)
        if (const auto found = sessions_.find(id); found != sessions_.end())
            handle(*found->second, found->second->peer.tick(now));
}

void Engine::tick_slow() {
    const std::int64_t now = environment_.now_ns();
    renew_certificate();
    const dpclient::SegmentView* segment = environment_.client.segment();
    for (auto& [name, room] : rooms_) {
        bool changed = false;
        for (const abi::TransportId id : room.publishers) {
            const Session* s = find(id);
            if (s == nullptr || !s->state.connected()) continue;
            for (const session::MediaLine& line : s->state.lines) {
                if (line.layers.size() < 2 || segment == nullptr) continue;
                std::vector<LayerSample> samples;
                for (const session::Layer& layer : line.layers) {
                    abi::SourceSlot slot;
                    samples.push_back(segment->read(layer.source, slot) ? LayerSample{slot.bytes, slot.width, slot.height}
                                                                        : LayerSample{});
                }
                changed |= room.layers[line.layers.front().source].update(samples, now, overload_.strained.on() ? 1 : 0);
            }
        }
        if (changed) bind(room);
    }
    std::erase_if(rooms_, [&](const auto& entry) {
        const Room& room = entry.second;
        if (!room.empty() || now - room.empty_since_ns < options_.empty_room_ns) return false;
        environment_.program.remove_blob(room.id);
        return true;
    });
    keep_events();
    if (environment_.program.dirty()) apply();
}

void Engine::tick_meters() {
    std::vector<abi::SourceId> sources;
    for (const auto& [id, s] : sessions_)
        for (const session::MediaLine& line : s->state.lines)
            for (const session::Layer& layer : line.layers) sources.push_back(layer.source);
    meters_.sample(environment_.client.segment(), sources, environment_.now_ns());
    expected_ = {};
    for (auto& [name, room] : rooms_) {
        room.sends = sending(room);
        expected_.add(room.sends, static_cast<double>(room.viewers.size()));
    }
    placements_.measured();
    check_moves();
    level_workers();
    note_lost_events();
    note_overload();
}

}  // namespace sluice::room
