// Totals over all peers, as the JSON object that tests read and as text for people, and what counts as a failed run.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/load/publisher.hpp"
#include "tools/load/viewer.hpp"

namespace sluice::loadgen {

struct Crowd {
    std::vector<std::unique_ptr<Publisher>> publishers;
    std::vector<std::unique_ptr<Viewer>> viewers;
};

// Nearest rank; 0 for no values. Sorts.
[[nodiscard]] double percentile(std::vector<double>& values, double share);

// `final`: the publishers have stopped, so that what viewers did not get at the end counts as lost too.
[[nodiscard]] boost::json::object totals(const World& world, const Crowd& crowd, std::int64_t now_ns, bool final);
// One object per peer.
[[nodiscard]] boost::json::object details(const Crowd& crowd, std::int64_t now_ns);

// Sentences; none for a run without fault.
[[nodiscard]] std::vector<std::string> failures(const Options& options, const boost::json::object& totals);

[[nodiscard]] std::string as_text(const boost::json::object& totals);

}  // namespace sluice::loadgen
