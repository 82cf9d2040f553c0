// Which source each viewer's leg follows: the k-th m-line of a kind gets the k-th track of that kind, those of the newest
// connected publisher first. So a viewer with one audio and one video m-line watches the current publisher. A leg that
// begins to follow a source gets a keyframe by its worker's own care: from its cache, or by one request for all who wait.
#include <algorithm>
#include <tuple>
#include <utility>

#include "controlplane/core/log.hpp"
#include "controlplane/room/engine.hpp"

namespace sluice::room {

using session::MediaLine;
using session::Session;

std::vector<Engine::Published> Engine::published(const Room& room, abi::MediaKind kind) const {
    struct Candidate {
        std::int64_t connected;
        std::size_t order;
        const Session* session;
    };
    std::vector<Candidate> publishers;
    for (const abi::TransportId id : room.publishers)
        if (const Session* s = find(id); s != nullptr && s->state.connected())
            publishers.push_back({s->state.connected_unix_ms, publishers.size(), s});
    std::sort(publishers.begin(), publishers.end(), [](const Candidate& a, const Candidate& b) {
        return std::tie(a.connected, a.order) > std::tie(b.connected, b.order);
    });
    std::vector<Published> lines;
    for (const Candidate& candidate : publishers)
        for (const MediaLine& line : candidate.session->state.lines)
            if (line.active && line.kind == kind && !line.layers.empty()) lines.push_back({candidate.session, &line});
    return lines;
}

abi::SourceId Engine::chosen_source(const Room& room, const MediaLine& line) const {
    if (line.layers.empty()) return abi::SourceId::none;
    const auto choice = room.layers.find(line.layers.front().source);
    const std::size_t index = choice == room.layers.end() ? 0 : choice->second.chosen();
    return line.layers[std::min(index, line.layers.size() - 1)].source;
}

void Engine::bind(Room& room) {
    const Egress before = std::exchange(room.sends, sending(room));
    const auto viewers = static_cast<double>(room.viewers.size());
    expected_.add(before, -viewers);
    expected_.add(room.sends, viewers);
    for (const abi::TransportId id : room.viewers)
        if (const auto found = sessions_.find(id); found != sessions_.end()) bind_viewer(room, *found->second);
}

void Engine::bind_viewer(Room& room, Session& viewer) {
    if (!viewer.state.connected()) return;
    for (const abi::MediaKind kind : {abi::MediaKind::audio, abi::MediaKind::video}) {
        const std::vector<Published> candidates = published(room, kind);
        std::size_t rank = 0;
        for (const MediaLine& line : viewer.state.lines)
            if (line.active && line.kind == kind) bind_line(room, viewer, line, candidates, rank++);
    }
}

void Engine::bind_line(Room& room, Session& viewer, const MediaLine& line, const std::vector<Published>& candidates,
                       std::size_t rank) {
    dpclient::Program& program = environment_.program;
    const abi::LegSpec* programmed = program.find(line.leg);
    const auto detach = [&] {
        if (programmed == nullptr || programmed->source == abi::SourceId::none) return;
        abi::LegSpec leg = *programmed;
        leg.source = abi::SourceId::none;
        program.upsert(leg);
    };
    if (rank >= candidates.size()) return detach();

    const MediaLine& published = *candidates[rank].line;
    const abi::SourceId source = chosen_source(room, published);
    if (programmed != nullptr && programmed->source == source) return;
    abi::LegSpec leg = programmed != nullptr ? *programmed : session::leg_spec(viewer.state, line);
    if (!session::follow(leg, line, published, source)) {
        if (viewer.complaints[line.mid] != source) {
            viewer.complaints[line.mid] = source;
            const std::string codec = published.codecs.empty() ? std::string{"?"} : published.codecs.front().name;
            note(room, "no common codec: a viewer cannot take " + codec + " " + std::string{session::kind_name(line.kind)});
        }
        return detach();
    }
    viewer.complaints.erase(line.mid);
    if (programmed != nullptr && programmed->source != abi::SourceId::none) ++counters_.source_switches;
    program.upsert(leg);
}

}  // namespace sluice::room
