#include "tools/sluicectl/outcome.hpp"

namespace sluice::ctl {
namespace {

boost::json::object plane_json(const PlaneState& plane) {
    boost::json::object out{{"up", plane.up}};
    if (!plane.up) out["reason"] = plane.reason;
    return out;
}

}  // namespace

Outcome Outcome::failed(Exit exit, std::string error) {
    Outcome outcome;
    outcome.exit = exit;
    outcome.error = std::move(error);
    return outcome;
}

std::string envelope(std::string_view command, const Outcome& outcome, std::int64_t unix_ms) {
    boost::json::object document{{"version", json_version},
                                 {"command", command},
                                 {"unix_ms", unix_ms},
                                 {"exit_code", static_cast<int>(outcome.exit)}};
    if (!outcome.error.empty()) document["error"] = outcome.error;
    if (outcome.data_plane) document["data_plane"] = plane_json(*outcome.data_plane);
    if (outcome.control_plane) document["control_plane"] = plane_json(*outcome.control_plane);
    document["data"] = outcome.data;
    return boost::json::serialize(document) + '\n';
}

std::string remarks(const Outcome& outcome) {
    std::string out;
    if (!outcome.error.empty()) out += "sluicectl: " + outcome.error + '\n';
    if (outcome.control_plane && !outcome.control_plane->up && outcome.exit != Exit::control_plane_unreachable) {
        const bool both = outcome.exit == Exit::data_plane_unreachable;
        out += "sluicectl: the control plane is down" + std::string(both ? " too" : "") + " (" +
               outcome.control_plane->reason + ")" + (both ? "\n" : "; this comes from the data plane alone\n");
    }
    return out;
}

}  // namespace sluice::ctl
