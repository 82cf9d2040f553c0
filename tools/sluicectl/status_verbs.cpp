// Verbs that ask both planes and make do with one.
#include <fmt/format.h>

#include "tools/sluicectl/data_plane.hpp"
#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/json_text.hpp"
#include "tools/sluicectl/observed.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/verbs.hpp"

namespace sluice::ctl {
namespace {

std::string control_plane_text(const boost::json::object& status) {
    Facts facts;
    std::string state = is_true(status, "ready") ? "up, ready" : "up, not ready";
    if (const std::string reason = text_of(status, "reason"); !reason.empty() && reason != "-") state += ": " + reason;
    if (is_true(status, "draining")) state += ", draining";
    if (is_true(status, "full")) state += ", full: newcomers are refused";
    if (is_true(status, "strained")) state += ", strained: lower layers";
    facts.add("control plane", state);
    facts.add("rooms", text_of(status, "rooms"));
    facts.add("sessions",
              fmt::format("{} ({} publishers, {} viewers, {} connected)", text_of(status, "sessions"),
                          text_of(status, "publishers"), text_of(status, "viewers"), text_of(status, "connected")));
    return facts.to_string();
}

std::string lines_text(const boost::json::object& transport, std::size_t width) {
    Table table({{"MID"}, {"KIND"}, {"LEG"}, {"SOURCES"}});
    for (const auto* line : objects_of(transport, "lines")) {
        std::string sources;
        for (const auto* layer : objects_of(*line, "sources"))
            sources += (sources.empty() ? "" : " ") + text_of(*layer, "source");
        table.add({text_of(*line, "mid"), text_of(*line, "kind"), text_of(*line, "leg"),
                   sources.empty() ? text_of(*line, "source") : sources});
    }
    return table.empty() ? "" : '\n' + table.to_string(width);
}

}  // namespace

Outcome status(const Settings& settings) {
    Outcome outcome = observed(settings, [](const Snapshot& now, const Rates& rates) {
        View view = summary_view(now, rates);
        return View{{{"data_plane", std::move(view.data)}}, std::move(view.text)};
    });
    const auto* seen = outcome.data.if_contains("data_plane");
    if (seen != nullptr && is_true(seen->as_object(), "stalled")) {
        outcome.exit = Exit::failure;
        outcome.error = "the data plane is stalled";
    }
    if (outcome.data_plane && !outcome.data_plane->up)
        outcome.text = "data plane:  DOWN: " + printable(outcome.data_plane->reason) + '\n';
    outcome.text += '\n';
    const auto body = admin(settings).get("/v1/status");
    auto control = body ? parse_object(*body) : std::nullopt;
    if (control) {
        without_version(*control);
        outcome.control_plane = PlaneState{true, {}};
        outcome.text += control_plane_text(*control);
        outcome.data["control_plane"] = *control;
        return outcome;
    }
    const std::string why = body ? "the answer is no JSON object" : body.error().message;
    outcome.control_plane = PlaneState{false, why};
    outcome.text += "control plane:  DOWN: " + printable(why) + '\n';
    if (outcome.exit == Exit::ok) {
        outcome.exit = Exit::control_plane_unreachable;
        outcome.error = "the control plane is down: " + why;
    }
    return outcome;
}

Outcome show_transport(const Settings& settings, const std::string& id) {
    const auto raw = parse_id(id);
    if (!raw) return Outcome::failed(Exit::usage, bad_id(id));
    Outcome outcome;
    const auto body = admin(settings).get("/v1/transports/" + hex_id(*raw));
    const bool control_up = body || !body.error().unreachable;
    outcome.control_plane = PlaneState{control_up, control_up ? "" : body.error().message};
    const auto plane = observe(settings.control_socket, settings.patience);
    outcome.data_plane = PlaneState{plane.has_value(), plane ? "" : plane.error()};
    abi::TransportSlot slot;
    const bool in_data_plane = plane && plane->segment.read(abi::TransportId{*raw}, slot);
    auto session = body ? parse_object(*body) : std::nullopt;
    if (!session && !in_data_plane) {
        if (!plane) return data_plane_down(plane.error());
        outcome.exit = control_up ? Exit::failure : Exit::control_plane_unreachable;
        outcome.error =
            "no transport " + hex_id(*raw) + (control_up ? "" : " in the data plane, and the control plane is down");
        return outcome;
    }
    outcome.data = boost::json::object{{"id", hex_id(*raw)}};
    if (session) {
        without_version(*session);
        outcome.data = std::move(*session);
    }
    if (in_data_plane) outcome.data["counters"] = counters_json(slot);
    outcome.text = facts_of(outcome.data) + lines_text(outcome.data, settings.width);
    if (in_data_plane) outcome.text += '\n' + facts_of(outcome.data.at("counters").as_object());
    return outcome;
}

}  // namespace sluice::ctl
