#include "controlplane/admin/views.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <iterator>

#include "dataplane/base/endpoint.hpp"

namespace sluice::admin {
namespace {

namespace json = boost::json;
using room::Engine;
using room::Room;
using session::MediaLine;
using session::Session;

json::value rounded(double value) {
    return static_cast<std::int64_t>(std::llround(value));
}

// Of the data plane that has this control plane's sessions: when it changes and a session is unknown, both planes were
// replaced.
std::string boot_id(const Engine& engine) {
    std::string hex;
    for (const std::uint8_t byte : engine.client().hello().boot_id) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
    return hex;
}

json::array workers_json(const Engine& engine) {
    json::array workers;
    for (const room::WorkerRate& w : engine.meters().workers())
        workers.push_back(json::object{{"id", workers.size()},
                                       {"busy", std::round(w.busy * 1000) / 1000},
                                       {"packets_out_per_s", rounded(w.packets_out_per_s)},
                                       {"bits_out_per_s", rounded(w.bits_out_per_s)},
                                       {"packets_in_per_s", rounded(w.packets_in_per_s)}});
    return workers;
}

json::object track_json(const Engine& engine, const Room& room, const MediaLine& line) {
    const abi::SourceId source = engine.chosen_source(room, line);
    const room::SourceRate rate = engine.meters().source(source);
    json::object track{{"kind", session::kind_name(line.kind)},
                       {"codec", line.codecs.empty() ? std::string{} : line.codecs.front().name},
                       {"bitrate_bps", rounded(rate.bps)},
                       {"packets_per_s", rounded(rate.packets_per_s)},
                       {"packets", rate.packets},
                       {"lost", rate.lost},
                       {"keyframes", rate.keyframes},
                       {"width", rate.width},
                       {"height", rate.height}};
    for (const session::Layer& layer : line.layers)
        if (layer.source == source && !layer.rid.empty()) track["layer"] = layer.rid;
    return track;
}

json::object room_object(const Engine& engine, const Room& room) {
    json::array publishers;
    double bps = 0;
    for (const abi::TransportId id : room.publishers) {
        const Session* s = engine.find(id);
        if (s == nullptr || !s->state.connected()) continue;
        json::array tracks;
        for (const MediaLine& line : s->state.lines)
            if (line.active) {
                tracks.push_back(track_json(engine, room, line));
                bps += engine.meters().source(engine.chosen_source(room, line)).bps;
            }
        publishers.push_back(
            json::object{{"id", session::hex_id(s->id())}, {"identity", s->state.identity}, {"tracks", std::move(tracks)}});
    }
    std::size_t viewers = 0;
    for (const abi::TransportId id : room.viewers)
        if (const Session* s = engine.find(id); s != nullptr && s->state.connected()) ++viewers;
    json::array events;
    for (const room::Event& e : room.events) events.push_back(json::object{{"time", e.unix_ms}, {"text", e.text}});
    return {{"room", room.name},
            {"boot", boot_id(engine)},
            {"publishers", std::move(publishers)},
            {"viewers", viewers},
            {"workers", workers_json(engine)},
            {"ingress_bps", rounded(bps)},
            {"egress_bps", rounded(engine.meters().egress_bps())},
            {"events", std::move(events)}};
}

const Room* find_room(const Engine& engine, std::string_view name) {
    const auto found = engine.rooms().find(name);
    return found == engine.rooms().end() ? nullptr : &found->second;
}

std::string_view phase_name(session::PeerPhase phase) {
    switch (phase) {
        case session::PeerPhase::checking: return "checking";
        case session::PeerPhase::handshaking: return "handshaking";
        case session::PeerPhase::connected: return "connected";
        case session::PeerPhase::ended: return "ended";
    }
    return "unknown";
}

json::object transport_object(const Engine& engine, const Session& s) {
    json::object o{{"id", session::hex_id(s.id())},
                   {"role", s.publishes() ? "publisher" : "viewer"},
                   {"room", s.state.room},
                   {"identity", s.state.identity},
                   {"worker", engine.owner_of(s)},
                   {"port_worker", s.state.worker},
                   {"phase", phase_name(s.peer.phase())},
                   {"created_unix_ms", s.state.created_unix_ms},
                   {"connected_unix_ms", s.state.connected_unix_ms}};
    const dpclient::SegmentView* segment = engine.client().segment();
    if (const abi::FlowAddress& path = s.peer.path(); !path.empty()) {
        o["remote"] = Endpoint{{path.remote_ip}, path.remote_port}.to_string();
        o["local"] = Endpoint{{path.local_ip}, path.local_port}.to_string();
    }
    if (abi::TransportSlot slot; segment != nullptr && segment->read(s.state.id, slot))
        o["counters"] = json::object{
            {"rx_packets", slot.rx_packets}, {"rx_bytes", slot.rx_bytes},       {"tx_packets", slot.tx_packets},
            {"tx_bytes", slot.tx_bytes},     {"stun_checks", slot.stun_checks}, {"auth_failures", slot.auth_failures},
            {"replays", slot.replays},       {"rtt_us", slot.rtt_us},           {"path_switches", slot.path_switches}};
    json::array lines;
    for (const MediaLine& line : s.state.lines) {
        json::object l{{"mid", line.mid}, {"kind", session::kind_name(line.kind)}};
        json::array layers;
        for (const session::Layer& layer : line.layers) {
            const room::SourceRate rate = engine.meters().source(layer.source);
            layers.push_back(json::object{{"source", session::hex_id(static_cast<std::uint64_t>(layer.source))},
                                          {"rid", layer.rid},
                                          {"bitrate_bps", rounded(rate.bps)},
                                          {"packets", rate.packets},
                                          {"lost", rate.lost},
                                          {"keyframes", rate.keyframes},
                                          {"width", rate.width},
                                          {"height", rate.height}});
        }
        if (!layers.empty()) l["sources"] = std::move(layers);
        if (line.leg != abi::LegId::none) {
            l["leg"] = session::hex_id(static_cast<std::uint64_t>(line.leg));
            l["ssrc"] = line.ssrc;
            const abi::LegSpec* leg = engine.program().find(line.leg);
            l["source"] = leg == nullptr || leg->source == abi::SourceId::none
                              ? json::value{nullptr}
                              : json::value(session::hex_id(static_cast<std::uint64_t>(leg->source)));
            if (abi::LegSlot slot; segment != nullptr && segment->read(line.leg, slot))
                l["counters"] = json::object{{"packets", slot.packets},
                                             {"bytes", slot.bytes},
                                             {"rtx_packets", slot.rtx_packets},
                                             {"nacks", slot.nacks},
                                             {"nack_misses", slot.nack_misses},
                                             {"lost", slot.cumulative_lost},
                                             {"fraction_lost", slot.fraction_lost},
                                             {"rtt_us", slot.rtt_us},
                                             {"remb_bps", slot.remb_bps}};
        }
        lines.push_back(std::move(l));
    }
    o["lines"] = std::move(lines);
    return o;
}

}  // namespace

std::optional<std::string> room_json(const Engine& engine, std::string_view name) {
    const Room* room = find_room(engine, name);
    if (room == nullptr) return std::nullopt;
    return json::serialize(room_object(engine, *room));
}

std::string events_json(const std::vector<room::Event>& events, std::uint64_t last) {
    json::array list;
    for (const room::Event& e : events) {
        json::object o{{"id", e.id}, {"unix_ms", e.unix_ms}, {"text", e.text}};
        if (!e.room.empty()) o["room"] = e.room;
        list.push_back(std::move(o));
    }
    return json::serialize(json::object{{"version", view_version}, {"last", last}, {"events", std::move(list)}});
}

std::string rooms_json(const Engine& engine) {
    json::array rooms;
    for (const auto& [name, room] : engine.rooms())
        rooms.push_back(json::object{{"room", name},
                                     {"publishers", room.publishers.size()},
                                     {"viewers", room.viewers.size()},
                                     {"created_unix_ms", room.created_unix_ms}});
    return json::serialize(json::object{{"version", view_version}, {"rooms", std::move(rooms)}});
}

std::string status_json(const Engine& engine) {
    const std::string not_ready = engine.not_ready();
    const room::EngineCounters& c = engine.counters();
    std::size_t publishers = 0, connected = 0;
    for (const auto& [id, s] : engine.sessions()) {
        publishers += s->publishes();
        connected += s->state.connected();
    }
    json::object refused;
    for (std::size_t i = 0; i < c.refused.size(); ++i)
        if (c.refused[i] != 0) refused[room::to_string(static_cast<room::AdmissionReason>(i))] = c.refused[i];
    const dpclient::ClientCounters& d = engine.client().counters();
    return json::serialize(json::object{{"version", view_version},
                                        {"node", engine.options().node_id},
                                        {"region", engine.options().node_region},
                                        {"ready", not_ready.empty()},
                                        {"reason", not_ready},
                                        {"draining", engine.draining()},
                                        {"full", engine.overload().full.on()},
                                        {"strained", engine.overload().strained.on()},
                                        {"rooms", engine.rooms().size()},
                                        {"sessions", engine.sessions().size()},
                                        {"publishers", publishers},
                                        {"viewers", engine.sessions().size() - publishers},
                                        {"connected", connected},
                                        {"fingerprint", engine.fingerprint()},
                                        {"egress_bps", rounded(engine.meters().egress_bps())},
                                        {"workers", workers_json(engine)},
                                        {"counters", json::object{{"sessions_created", c.sessions_created},
                                                                  {"sessions_connected", c.sessions_connected},
                                                                  {"sessions_ended", c.sessions_ended},
                                                                  {"offers_refused", c.offers_refused},
                                                                  {"ice_restarts", c.ice_restarts},
                                                                  {"adopted", c.adopted},
                                                                  {"adopt_failed", c.adopt_failed},
                                                                  {"source_switches", c.source_switches},
                                                                  {"checks", c.checks},
                                                                  {"checks_refused", c.checks_refused},
                                                                  {"punts_unknown", c.punts_unknown},
                                                                  {"refused", std::move(refused)}}},
                                        {"data_plane", json::object{{"connects", d.connects},
                                                                    {"disconnects", d.disconnects},
                                                                    {"malformed", d.malformed},
                                                                    {"failed_acks", d.failed_acks},
                                                                    {"punted", d.punted},
                                                                    {"punt_invalid", d.punt_invalid},
                                                                    {"injected", d.injected},
                                                                    {"inject_refused", d.inject_refused}}}});
}

std::optional<std::string> room_detail_json(const Engine& engine, std::string_view name) {
    const Room* room = find_room(engine, name);
    if (room == nullptr) return std::nullopt;
    json::object o = room_object(engine, *room);
    o["version"] = view_version;
    json::array transports;
    for (const auto* ids : {&room->publishers, &room->viewers})
        for (const abi::TransportId id : *ids)
            if (const Session* s = engine.find(id)) transports.push_back(transport_object(engine, *s));
    o["transports"] = std::move(transports);
    return json::serialize(o);
}

std::optional<std::string> transport_json(const Engine& engine, abi::TransportId id) {
    const Session* s = engine.find(id);
    if (s == nullptr) return std::nullopt;
    json::object o = transport_object(engine, *s);
    o["version"] = view_version;
    return json::serialize(o);
}

}  // namespace sluice::admin
