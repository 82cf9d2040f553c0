// `capture`: frames as the workers receive and send them, into a pcapng file.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tools/sluicectl/settings.hpp"

namespace sluice::ctl {

struct CaptureRequest {
    std::vector<std::string> transports;  // ids; empty: everything
    std::string room;                     // its transports; asks the control plane
    std::optional<std::uint16_t> worker;
    std::uint64_t count = 0;    // frames, then it ends; 0: no end
    double seconds = 0;         // 0: no end
    std::uint32_t snaplen = 0;  // 0: whole frames
    bool plaintext = false;     // media in the clear
    std::string file = "-";     // "-": `out`
};

// Blocks until it is to end: by count, seconds, SIGINT or SIGTERM, or because the data plane has gone. `say` is told that it
// has begun, and, where the file goes to `out`, what came of it.
[[nodiscard]] Outcome capture(const Settings& settings, const CaptureRequest& request, std::ostream& out, std::ostream* say);

}  // namespace sluice::ctl
