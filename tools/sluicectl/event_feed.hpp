// `events --follow`: the control plane's log, live; while the control plane is down, what the data plane itself reports.
#pragma once

#include <ostream>
#include <string>

#include "tools/sluicectl/settings.hpp"

namespace sluice::ctl {

struct FollowRequest {
    std::string room;    // "": all, and the node
    double seconds = 0;  // 0: until SIGINT or SIGTERM
    bool json = false;   // a JSON line per event
};

// Begins with what the control plane remembers and goes on with what happens. An event is shown once, also across a restart
// of the control plane, whose log keeps its ids. `say`, where there is one, is told when a plane goes or comes.
[[nodiscard]] Outcome follow_events(const Settings& settings, const FollowRequest& request, std::ostream& out,
                                    std::ostream* say);

}  // namespace sluice::ctl
