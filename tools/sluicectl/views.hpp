// What the data-plane verbs show of snapshots, as JSON and as text. Pure.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "tools/sluicectl/outcome.hpp"
#include "tools/sluicectl/snapshot.hpp"

namespace sluice::ctl {

struct View {
    boost::json::object data;
    std::string text;
};

struct ViewOptions {
    std::size_t width = 0;  // of the terminal; 0: as wide as it gets
    bool all = false;       // drops: those that never happened too
    bool stages = false;    // workers: what each stage costs
};

[[nodiscard]] View workers_view(const Snapshot& now, const Rates& rates, const ViewOptions& options);
[[nodiscard]] View ports_view(const Snapshot& now, const Rates& rates, const ViewOptions& options);
[[nodiscard]] View drops_view(const Snapshot& now, const Rates& rates, const ViewOptions& options);
[[nodiscard]] View memory_view(const Snapshot& now, const ViewOptions& options);
// The data plane as a whole.
[[nodiscard]] View summary_view(const Snapshot& now, const Rates& rates);

// Everything at once, for a screen of `lines` lines (0: no limit). `control_plane` stands in the first lines.
[[nodiscard]] View top_view(const Snapshot& now, const Rates& rates, const std::optional<PlaneState>& control_plane,
                            const ViewOptions& options, std::size_t lines);

[[nodiscard]] boost::json::object counters_json(const abi::TransportSlot& slot);
[[nodiscard]] boost::json::object counters_json(const abi::LegSlot& slot);

}  // namespace sluice::ctl
