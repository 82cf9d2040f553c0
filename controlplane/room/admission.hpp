// Who may still come in: the budget of this node, compared with what it carries. A refusal is early and says why, so that
// those who already watch never suffer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/session/session_state.hpp"

namespace sluice::room {

struct Budget {
    double egress_bps = 0;       // 0 = no limit
    double packets_per_s = 0;    // egress; 0 = no limit
    std::uint32_t sessions = 0;  // 0 = no limit
    std::uint32_t rooms = 0;     // 0 = no limit
    std::uint32_t viewers_per_room = 0;
    std::uint32_t publishers_per_room = 0;
    std::uint32_t joins = 0;                         // under way: answered, not connected yet; 0 = no limit
    std::int64_t handshake_wait_ns = 1'000'000'000;  // what waits longer for a handshake thread is a join that fails
};

// What the data plane said of itself.
struct DataPlaneLimits {
    bool ready = false;
    std::string reason;            // why it is not
    std::uint32_t transports = 0;  // 0 = unknown
    std::uint32_t sources = 0;
    std::uint32_t legs = 0;
};

struct Load {
    double egress_bps = 0;
    double packets_per_s = 0;
    std::uint32_t sessions = 0;
    std::uint32_t sources = 0;
    std::uint32_t legs = 0;
    std::uint32_t rooms = 0;
    bool room_is_new = false;
    std::uint32_t room_viewers = 0;
    std::uint32_t room_publishers = 0;
    double room_bps = 0;  // what a viewer of this room adds
    double room_packets_per_s = 0;
    std::uint32_t joins = 0;
    std::int64_t handshake_wait_ns = 0;
    bool full = false;      // every worker is too busy: see overload.hpp
    double least_busy = 0;  // busy ratio of the least busy worker
};

enum class AdmissionReason : std::uint8_t {
    egress,
    packets,
    sessions,
    rooms,
    viewers_per_room,
    publishers_per_room,
    busy,
    data_plane,
    not_ready,
    draining,
    joins,
    count
};
[[nodiscard]] std::string_view to_string(AdmissionReason reason) noexcept;

struct AdmissionRefusal {
    AdmissionReason reason;
    std::string detail;  // for the one who asked
    int retry_after_s = 10;
};

[[nodiscard]] std::optional<AdmissionRefusal> admit(session::Role role, const Budget& budget, const Load& load,
                                                    const DataPlaneLimits& limits);

}  // namespace sluice::room
