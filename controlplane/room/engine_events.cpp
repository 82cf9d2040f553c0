// What is told to operators: events of rooms and of the node, those of the data plane among them, and the tails of both that
// outlive this process in the data plane's blobs.
#include <algorithm>
#include <cmath>
#include <utility>

#include "controlplane/core/log.hpp"
#include "controlplane/room/engine.hpp"
#include "controlplane/room/room_blob.hpp"
#include "dataplane/base/endpoint.hpp"

namespace sluice::room {

using session::Session;

namespace {

constexpr std::uint16_t node_events_version = 1;
constexpr std::int64_t refusals_apart_ms = 1000;
constexpr std::int64_t moves_apart_ms = 1000;  // a path that flaps must not push everything else out

std::string name_of(const Session& s) {
    return std::string{s.publishes() ? "publisher " : "viewer "} +
           (s.state.identity.empty() ? session::hex_id(s.id()) : s.state.identity);
}

std::string remote_of(const abi::FlowAddress& flow) {
    return Endpoint{IpAddress{flow.remote_ip}, flow.remote_port}.to_string();
}

}  // namespace

void Engine::note(Room& room, const std::string& text) {
    room.note(events_.add(unix_ms(), room.name, text));
    rooms_with_events_.insert(room.name);
}

void Engine::note_node(const std::string& text) {
    node_events_.push_back(events_.add(unix_ms(), {}, text));
    if (node_events_.size() > max_room_events) node_events_.pop_front();
    node_events_changed_ = true;
}

// At most once a second: what a crowd beyond the limit is told must not push everything else out.
void Engine::note_refusal(Room& room, session::Role role, const std::string& detail) {
    ++room.refusals_unnoted;
    if (unix_ms() - room.refusal_noted_ms < refusals_apart_ms) return;
    room.refusal_noted_ms = unix_ms();
    const std::uint32_t count = std::exchange(room.refusals_unnoted, 0);
    note(room, std::string{role == session::Role::publisher ? "publisher" : "viewer"} + " refused: " + detail +
                   (count > 1 ? ", and " + std::to_string(count - 1) + " before" : ""));
}

// At most twice a second, so that a rush of joins does not write each room's tail as often.
void Engine::keep_events() {
    if (!environment_.client.synced()) return;
    for (const std::string& name : rooms_with_events_)
        if (const auto room = rooms_.find(name); room != rooms_.end()) program_room(room->second);
    rooms_with_events_.clear();
    if (!node_events_changed_) return;
    node_events_changed_ = false;
    if (node_events_blob_ == 0) node_events_blob_ = session::random_u64(environment_.random);
    const std::string tail = encode_tail(node_events_, max_kept_events);
    environment_.program.upsert(dpclient::Blob{.id = node_events_blob_,
                                               .owner = 0,
                                               .kind = static_cast<std::uint16_t>(session::BlobKind::node_events),
                                               .version = node_events_version,
                                               .bytes = {tail.begin(), tail.end()}});
}

void Engine::adopt_events(const dpclient::Dump& dump) {
    for (const dpclient::Blob& blob : dump.blobs) {
        if (blob.kind != static_cast<std::uint16_t>(session::BlobKind::node_events) || node_events_blob_ != 0) continue;
        node_events_blob_ = blob.id;
        if (blob.version != node_events_version) continue;  // of a newer control plane: written over, not read
        auto kept = decode_tail({reinterpret_cast<const char*>(blob.bytes.data()), blob.bytes.size()}, {});
        for (const Event& event : kept) events_.restore(event);
        node_events_.insert(node_events_.begin(), kept.begin(), kept.end());
        while (node_events_.size() > max_room_events) node_events_.pop_front();
    }
    if (node_events_blob_ != 0)
        note_node("the control plane restarted: " + std::to_string(sessions_.size()) + " sessions adopted");
}

void Engine::drain(bool on) {
    if (draining_ != on) note_node(on ? "draining: new sessions are refused" : "taking new sessions again");
    draining_ = on;
}

void Engine::on_connected(const abi::HelloReply& hello, dpclient::ResyncKind kind) {
    core::log("engine").info("data plane: {} workers, UDP from {}, {}", hello.workers, hello.port.first_udp_port,
                             dpclient::name(kind));
    if (kind == dpclient::ResyncKind::adopt) return;  // told once the tails are there
    const bool restarted = kind == dpclient::ResyncKind::replay;
    note_node(restarted ? "the data plane restarted" : "connected to the data plane again");
    for (auto& [name, room] : rooms_)
        if (restarted && !room.empty()) note(room, "the data plane restarted");
}

void Engine::on_disconnected() {
    note_node("lost the data plane");
}

void Engine::on_path(const abi::EventPath& event) {
    const auto found = sessions_.find(event.transport);
    if (found == sessions_.end()) return;
    Session& s = *found->second;
    s.peer.path_moved(event.path, environment_.now_ns());
    const auto room = rooms_.find(s.state.room);
    std::int64_t& noted = moved_ms_[event.transport];
    if (room == rooms_.end() || unix_ms() - noted < moves_apart_ms) return;
    noted = unix_ms();
    note(room->second, name_of(s) + " is at " + remote_of(event.path) + " now");
}

void Engine::on_source_bound(const abi::EventSourceBound&) {}

// Each silence once: the data plane repeats it every 5 s.
void Engine::note_silence(const abi::EventTransportSilent& event) {
    constexpr std::uint32_t first_reports_end_ms = 15'000;
    const auto found = sessions_.find(event.transport);
    if (found == sessions_.end() || event.silent_ms >= first_reports_end_ms) return;
    if (const auto room = rooms_.find(found->second->state.room); room != rooms_.end())
        note(room->second, name_of(*found->second) + " is silent for " + std::to_string(event.silent_ms / 1000) + " s");
}

// What a worker could not report because main was behind, once a second: what matters of it is reported again, but late.
void Engine::note_lost_events() {
    const dpclient::SegmentView* segment = environment_.client.segment();
    if (segment == nullptr) return;
    // A process before this one told of what was lost until now.
    const bool first = lost_events_.size() != segment->workers();
    lost_events_.resize(segment->workers());
    for (std::uint32_t w = 0; w < segment->workers(); ++w) {
        const std::uint64_t lost = segment->worker(w).events_lost;
        if (!first && lost > lost_events_[w])
            note_node("worker " + std::to_string(w) + " lost " + std::to_string(lost - lost_events_[w]) + " events");
        lost_events_[w] = lost;  // also down: a new data plane counts anew
    }
}

void Engine::note_overload() {
    const auto percent = [](double ratio) { return std::to_string(static_cast<int>(std::lround(ratio * 100))) + " %"; };
    const double least = meters_.least_busy(), most = meters_.most_busy();
    if (overload_.full.update(least))
        note_node(overload_.full.on() ? "full: every worker is busy, the least of them " + percent(least) +
                                            "; newcomers are refused until one is under " + percent(overload_.full.leave())
                                      : "no longer full: a worker is " + percent(least) + " busy; newcomers are let in");
    if (overload_.strained.update(most))
        note_node(overload_.strained.on()
                      ? "strained: a worker is " + percent(most) + " busy; simulcast rooms are sent one layer lower"
                      : "no longer strained: the busiest worker is at " + percent(most) + "; layers are as before");
}

void Engine::on_bye(const abi::EventBye& event) {
    for (auto& [name, room] : rooms_)
        for (const abi::TransportId id : room.publishers)
            if (const Session* s = find(id))
                for (const session::MediaLine& line : s->state.lines)
                    for (const session::Layer& layer : line.layers)
                        if (layer.source == event.source)
                            return note(room,
                                        "publisher stopped a " + std::string{session::kind_name(line.kind)} + " track");
}

void Engine::on_observation(const abi::EventObservation& event) {
    std::string what = event.kind == abi::ObserveKind::plaintext ? "a plaintext capture"
                       : event.kind == abi::ObserveKind::trace   ? "a trace"
                                                                 : "a capture";
    if (event.count == 1) what += " of transport " + session::hex_id(event.transport);
    if (event.count > 1) what += " of " + std::to_string(event.count) + " transports";
    what += (event.started != 0 ? " was started by uid " : " ended, of uid ") + std::to_string(event.uid) + ", process " +
            std::to_string(event.pid);
    note_node(what);
}

}  // namespace sluice::room
