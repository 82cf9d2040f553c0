#include "controlplane/room/admission.hpp"

#include <fmt/format.h>

namespace sluice::room {
namespace {

// Objects that one more session may need at once: a simulcast publisher's sources, a viewer's legs.
constexpr std::uint32_t objects_per_session = 8;

bool full(std::uint32_t used, std::uint32_t limit) {
    return limit != 0 && used >= limit;
}

}  // namespace

std::string_view to_string(AdmissionReason reason) noexcept {
    switch (reason) {
        case AdmissionReason::egress: return "egress";
        case AdmissionReason::packets: return "packets";
        case AdmissionReason::sessions: return "sessions";
        case AdmissionReason::rooms: return "rooms";
        case AdmissionReason::viewers_per_room: return "viewers_per_room";
        case AdmissionReason::publishers_per_room: return "publishers_per_room";
        case AdmissionReason::busy: return "busy";
        case AdmissionReason::data_plane: return "data_plane";
        case AdmissionReason::not_ready: return "not_ready";
        case AdmissionReason::draining: return "draining";
        case AdmissionReason::joins: return "joins";
        case AdmissionReason::count: break;
    }
    return "unknown";
}

std::optional<AdmissionRefusal> admit(session::Role role, const Budget& budget, const Load& load,
                                      const DataPlaneLimits& limits) {
    using enum AdmissionReason;
    const bool viewer = role == session::Role::viewer;
    if (!limits.ready) return AdmissionRefusal{not_ready, "the data plane is not ready: " + limits.reason, 2};
    // They come faster than they get connected: another second is all it takes, so those who ask again find room.
    if (full(load.joins, budget.joins))
        return AdmissionRefusal{joins, fmt::format("{} joins are under way, as many as this node takes at once", load.joins),
                                1};
    if (load.handshake_wait_ns > budget.handshake_wait_ns)
        return AdmissionRefusal{joins, fmt::format("handshakes are {} ms behind", load.handshake_wait_ns / 1'000'000), 2};
    if (full(load.sessions, budget.sessions))
        return AdmissionRefusal{sessions, fmt::format("this node carries {} sessions, its limit", load.sessions)};
    if (load.room_is_new && full(load.rooms, budget.rooms))
        return AdmissionRefusal{rooms, fmt::format("this node has {} rooms, its limit", load.rooms)};
    if (viewer && full(load.room_viewers, budget.viewers_per_room))
        return AdmissionRefusal{viewers_per_room, fmt::format("the room has {} viewers, its limit", load.room_viewers)};
    if (!viewer && full(load.room_publishers, budget.publishers_per_room))
        return AdmissionRefusal{publishers_per_room,
                                fmt::format("the room has {} publishers, its limit", load.room_publishers)};
    if (viewer && budget.egress_bps > 0 && load.egress_bps + load.room_bps > budget.egress_bps)
        return AdmissionRefusal{egress,
                                fmt::format("{:.1f} of {:.1f} Mbit/s are in use, and this room takes {:.1f} Mbit/s a viewer",
                                            load.egress_bps / 1e6, budget.egress_bps / 1e6, load.room_bps / 1e6)};
    if (viewer && budget.packets_per_s > 0 && load.packets_per_s + load.room_packets_per_s > budget.packets_per_s)
        return AdmissionRefusal{
            packets, fmt::format("{:.0f} of {:.0f} packets/s are in use", load.packets_per_s, budget.packets_per_s)};
    if (load.full)
        return AdmissionRefusal{busy,
                                fmt::format("every worker is busy, the least of them {:.0f} %", load.least_busy * 100)};
    if (full(load.sessions, limits.transports) || (!viewer && full(load.sources + objects_per_session, limits.sources)) ||
        (viewer && full(load.legs + objects_per_session, limits.legs)))
        return AdmissionRefusal{data_plane, "the data plane's tables are full"};
    return std::nullopt;
}

}  // namespace sluice::room
