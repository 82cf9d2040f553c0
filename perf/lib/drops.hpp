// What a worker dropped, for people.
#pragma once

#include <fmt/format.h>

#include <string>

#include "dataplane/abi/drop_reason.hpp"
#include "dataplane/abi/state_segment.hpp"

namespace sluice::perf {

// "NAME COUNT", separated by commas; empty when nothing was.
[[nodiscard]] inline std::string drops_of(const abi::WorkerBlock& counters) {
    std::string out;
    for (std::size_t i = 1; i < abi::drop_reason_count; ++i) {
        if (counters.drops[i] != 0)
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ", abi::drop_reasons[i].name, counters.drops[i]);
    }
    return out;
}

}  // namespace sluice::perf
