// What a worker reports to main; main forwards it to the programmer and keeps its own specs up to date.
#pragma once

#include <cstdint>

#include "dataplane/abi/types.hpp"

namespace sluice::worker {

enum class EventKind : std::uint8_t { path, source_bound, silent, bye };

struct Event {
    EventKind kind{};
    std::uint8_t payload_type = 0;
    std::uint32_t ssrc = 0;
    std::uint32_t rtx_ssrc = 0;
    std::uint32_t silent_ms = 0;
    std::uint64_t id = 0;
    abi::FlowAddress flow;
};

}  // namespace sluice::worker
