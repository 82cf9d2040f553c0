// A capture or trace that runs: who asked for it, for what, and the rings that the workers fill.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/abi/messages.hpp"
#include "dataplane/telemetry/shared_memory.hpp"

namespace sluice::control {

// Main only.
struct Observation {
    abi::ObserveStart wanted;
    std::uint64_t connection = 0;  // serial
    std::uint64_t seq = 0;         // of the request, for the answer
    std::uint64_t token = 0;       // of the commands that start it; 0 once the answer is out
    std::uint32_t uid = 0;
    std::uint32_t pid = 0;
    std::uint32_t ring_bytes = 0;
    // Each tap holds it too: it goes when the last worker has given its tap back.
    std::shared_ptr<telemetry::SharedMemory> memory;
};

}  // namespace sluice::control
