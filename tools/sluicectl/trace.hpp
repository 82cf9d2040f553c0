// `trace`: what happens to one transport, live.
#pragma once

#include <ostream>
#include <string>

#include "tools/sluicectl/settings.hpp"

namespace sluice::ctl {

struct TraceRequest {
    std::string transport;  // id
    double seconds = 0;     // 0: until SIGINT or SIGTERM
    bool json = false;      // a JSON line per event
};

// Blocks until it is to end. Events go to `out`; `say`, where there is one, is told that it has begun.
[[nodiscard]] Outcome trace(const Settings& settings, const TraceRequest& request, std::ostream& out, std::ostream* say);

}  // namespace sluice::ctl
