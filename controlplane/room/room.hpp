// A room: who publishes, who watches, and what happened lately. Which source each leg follows is in binding.hpp.
//
// Thread: the io thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/room/event_log.hpp"
#include "controlplane/room/layer_choice.hpp"
#include "dataplane/abi/types.hpp"

namespace sluice::room {

inline constexpr std::size_t max_room_events = 50;

// What one viewer takes, or several.
struct Egress {
    double bps = 0;
    double packets_per_s = 0;
    void add(const Egress& other, double times) noexcept {
        bps += other.bps * times;
        packets_per_s += other.packets_per_s * times;
    }
};

struct Room {
    std::string name;
    std::uint64_t id = 0;
    std::int64_t created_unix_ms = 0;
    std::vector<abi::TransportId> publishers;  // as they came, connected or not
    std::vector<abi::TransportId> viewers;
    std::deque<Event> events;         // the oldest first; their tail survives this process
    std::int64_t empty_since_ns = 0;  // 0 = somebody is here
    Egress sends;                     // to each viewer, as measured last

    std::int64_t refusal_noted_ms = 0;  // unix
    std::uint32_t refusals_unnoted = 0;

    // The chosen layer of each simulcast line, by its first layer's source.
    std::map<abi::SourceId, LayerChoice> layers;

    void note(Event event) {
        events.push_back(std::move(event));
        if (events.size() > max_room_events) events.pop_front();
    }
    void join(abi::TransportId id, bool publishes) { (publishes ? publishers : viewers).push_back(id); }
    void leave(abi::TransportId id) {
        std::erase(publishers, id);
        std::erase(viewers, id);
    }
    [[nodiscard]] bool empty() const noexcept { return publishers.empty() && viewers.empty(); }
};

}  // namespace sluice::room
