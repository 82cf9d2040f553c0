// One WHIP or WHEP session as the engine holds it: what survives (state) and the live half (peer). What the data plane
// was told of it is in the Program.
//
// Thread: the io thread. Address-stable: the engine keeps it behind a unique_ptr.
#pragma once

#include <map>
#include <string>

#include "controlplane/session/peer.hpp"
#include "controlplane/session/specs.hpp"

namespace sluice::session {

struct Session {
    SessionState state;
    Peer peer;
    std::map<std::string, abi::SourceId> complaints;  // by mid: the source that has no codec which this viewer takes
    bool answered = false;                            // the client has its answer

    [[nodiscard]] bool publishes() const noexcept { return state.role == Role::publisher; }
    [[nodiscard]] std::uint64_t id() const noexcept { return static_cast<std::uint64_t>(state.id); }
};

}  // namespace sluice::session
