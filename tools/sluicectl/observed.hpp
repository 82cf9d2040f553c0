// What the verbs that read the state segment have in common.
#pragma once

#include <functional>
#include <string>

#include "tools/sluicectl/settings.hpp"
#include "tools/sluicectl/views.hpp"

namespace sluice::ctl {

[[nodiscard]] Snapshot take_now(const dpclient::SegmentView& segment);
// Observes the data plane, waits for the interval, and shows. Tells in the outcome whether each plane is up.
[[nodiscard]] Outcome observed(const Settings& settings, const std::function<View(const Snapshot&, const Rates&)>& show);
[[nodiscard]] Outcome data_plane_down(const std::string& why);
[[nodiscard]] std::string bad_id(const std::string& id);

}  // namespace sluice::ctl
