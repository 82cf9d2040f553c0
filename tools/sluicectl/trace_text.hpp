// One event of a trace as a line for people and as JSON; and drops summed up, so that a flood of them stays readable. Pure.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/abi/capture_ring.hpp"
#include "dataplane/abi/trace.hpp"

namespace sluice::ctl {

struct TraceEvent {
    std::int64_t unix_ns = 0;
    std::uint64_t transport = 0;
    abi::TraceRecord record;
};

// Nothing for a record of another kind, or one that is too short.
[[nodiscard]] std::optional<TraceEvent> trace_event(const abi::CaptureRecord& record, ByteView bytes);

// Both take an event of a newer data plane, which has a number for a name.
[[nodiscard]] std::string text_line(const TraceEvent& event);
[[nodiscard]] boost::json::object json_of(const TraceEvent& event);

// The first drop of a reason passes at once; those that follow are summed, and told a second later.
class DropSummary {
public:
    // The events to show instead of this one.
    [[nodiscard]] std::vector<TraceEvent> filter(const TraceEvent& event);
    // Sums that are older than a second; all with `end`.
    [[nodiscard]] std::vector<TraceEvent> due(std::int64_t unix_ns, bool end = false);

private:
    struct Sum {
        TraceEvent last;
        std::uint32_t count = 0;
        std::int64_t told_ns = 0;
    };
    std::map<std::pair<std::uint64_t, std::uint32_t>, Sum> sums_;  // by transport and reason
};

}  // namespace sluice::ctl
