// After a restart of this process: sessions and rooms out of what the data plane kept.
#include "controlplane/core/log.hpp"
#include "controlplane/room/engine.hpp"
#include "controlplane/room/room_blob.hpp"

namespace sluice::room {

using session::Session;

namespace {

bool is(const dpclient::Blob& blob, session::BlobKind kind) {
    return blob.kind == static_cast<std::uint16_t>(kind);
}

}  // namespace

void Engine::on_adopt(const dpclient::Dump& dump) {
    // Blobs and objects of another version stay as they are: a transport that nobody knows ends by its silence.
    environment_.program.adopt(dump);
    adopt_certificates(dump);
    if (!ensure_certificate()) return;
    for (const dpclient::Blob& blob : dump.blobs)
        if (is(blob, session::BlobKind::room)) adopt_room(blob);
    for (const dpclient::Blob& blob : dump.blobs)
        if (is(blob, session::BlobKind::session)) adopt_session(blob, dump);
    adopt_events(dump);
    for (auto& [name, room] : rooms_) {
        restore_layers(room);
        bind(room);
        if (room.empty()) room.empty_since_ns = environment_.now_ns();
    }
    if (!sessions_.empty())
        core::log("engine").info("adopted {} sessions in {} rooms, {} not readable", sessions_.size(), rooms_.size(),
                                 counters_.adopt_failed);
}

void Engine::adopt_room(const dpclient::Blob& blob) {
    auto room = decode_room(blob);
    if (!room) {
        core::log("engine").error("room {}: {}", session::hex_id(blob.id), room.error());
        ++counters_.adopt_failed;
        return;
    }
    for (const Event& event : room->events) events_.restore(event);
    note(*room, "the control plane restarted");
    std::string name = room->name;
    rooms_.emplace(std::move(name), std::move(*room));
}

void Engine::adopt_session(const dpclient::Blob& blob, const dpclient::Dump& dump) {
    auto state = session::decode_session(blob.version, ByteView{blob.bytes.data(), blob.bytes.size()});
    if (!state) {
        core::log("engine").error("session {}: {}", session::hex_id(blob.id), state.error());
        ++counters_.adopt_failed;
        return;
    }
    const abi::TransportSpec* transport = environment_.program.find(state->id);
    if (transport == nullptr || static_cast<std::uint64_t>(state->id) != blob.id) {
        environment_.program.remove_blob(blob.id);
        ++counters_.adopt_failed;
        return;
    }
    session::Peer peer = session::Peer::resume(identity_of(*state), *state, addresses(state->worker), transport->path,
                                               environment_.now_ns(), options_.dtls_mtu);
    auto owned = std::make_unique<Session>(Session{std::move(*state), std::move(peer), {}});
    const abi::TransportId id = owned->state.id;
    room_for(owned->state.room).join(id, owned->publishes());
    Session& s = keep(std::move(owned));
    if (s.peer.handshaking()) environment_.handshakes.begin(id, s.peer.take_handshake());
    ++counters_.adopted;
}

// What the legs follow now is what they go on following.
void Engine::restore_layers(Room& room) {
    std::set<abi::SourceId> followed;
    for (const abi::TransportId id : room.viewers)
        if (const Session* s = find(id))
            for (const session::MediaLine& line : s->state.lines)
                if (const abi::LegSpec* leg = environment_.program.find(line.leg)) followed.insert(leg->source);
    for (const abi::TransportId id : room.publishers)
        if (const Session* s = find(id))
            for (const session::MediaLine& line : s->state.lines)
                for (std::size_t i = 0; line.layers.size() > 1 && i < line.layers.size(); ++i)
                    if (followed.contains(line.layers[i].source)) room.layers[line.layers.front().source].restore(i);
}

}  // namespace sluice::room
