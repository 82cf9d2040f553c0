#include <fmt/format.h>

#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/json_text.hpp"
#include "tools/sluicectl/observed.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/verbs.hpp"

namespace sluice::ctl {
namespace {

namespace json = boost::json;

std::expected<json::object, AdminError> ask(const Settings& settings, std::string_view method, const std::string& target) {
    const AdminClient client = admin(settings);
    const auto body = method == "POST" ? client.post(target) : client.get(target);
    if (!body) return std::unexpected(body.error());
    auto object = parse_object(*body);
    if (!object)
        return std::unexpected(
            AdminError{false, 200, "the control plane's answer is no JSON object: is it of another version?"});
    without_version(*object);
    return std::move(*object);
}

Outcome answered(json::object data, std::string text) {
    Outcome outcome;
    outcome.control_plane = PlaneState{true, {}};
    outcome.data = std::move(data);
    outcome.text = std::move(text);
    return outcome;
}

std::string time_of(const json::object& object, const char* field) {
    const std::int64_t unix_ms = integer_of(object, field);
    return unix_ms == 0 ? "-" : utc_time(unix_ms);
}

std::string picture(const json::object& track) {
    const auto width = integer_of(track, "width");
    return width == 0 ? "-" : std::to_string(width) + "x" + text_of(track, "height");
}

std::string rate(const json::object& object, const char* field) {
    return bits_per_second(static_cast<double>(integer_of(object, field)));
}

std::string tracks_text(const json::object& room, std::size_t width) {
    Table table({{"PUBLISHER"},
                 {"IDENTITY"},
                 {"TRACK"},
                 {"CODEC"},
                 {"LAYER"},
                 {"PICTURE"},
                 {"RATE", Align::right},
                 {"LOST", Align::right}});
    for (const auto* publisher : objects_of(room, "publishers")) {
        for (const auto* track : objects_of(*publisher, "tracks")) {
            table.add({text_of(*publisher, "id"), text_of(*publisher, "identity"), text_of(*track, "kind"),
                       text_of(*track, "codec"), text_of(*track, "layer"), picture(*track), rate(*track, "bitrate_bps"),
                       text_of(*track, "lost")});
        }
    }
    return table.empty() ? "nobody publishes\n" : table.to_string(width);
}

std::string transports_text(const json::object& room, std::size_t width) {
    Table table({{"TRANSPORT"}, {"ROLE"}, {"IDENTITY"}, {"PHASE"}, {"WORKER", Align::right}, {"REMOTE"}});
    for (const auto* t : objects_of(room, "transports")) {
        table.add({text_of(*t, "id"), text_of(*t, "role"), text_of(*t, "identity"), text_of(*t, "phase"),
                   text_of(*t, "worker"), text_of(*t, "remote")});
    }
    return table.empty() ? "" : '\n' + table.to_string(width);
}

}  // namespace

Outcome rooms(const Settings& settings) {
    auto list = ask(settings, "GET", "/v1/rooms");
    if (!list) return failed(list.error());
    Table table({{"ROOM"}, {"PUBLISHERS", Align::right}, {"VIEWERS", Align::right}, {"SINCE"}});
    for (const auto* room : objects_of(*list, "rooms")) {
        table.add({text_of(*room, "room"), text_of(*room, "publishers"), text_of(*room, "viewers"),
                   time_of(*room, "created_unix_ms")});
    }
    std::string text = table.empty() ? "no rooms\n" : table.to_string(settings.width);
    return answered(std::move(*list), std::move(text));
}

Outcome show_room(const Settings& settings, const std::string& name) {
    auto room = ask(settings, "GET", "/v1/rooms/" + escape(name));
    if (!room) return failed(room.error());
    Facts facts;
    facts.add("room", text_of(*room, "room"));
    facts.add("viewers", text_of(*room, "viewers"));
    facts.add("in", rate(*room, "ingress_bps"));
    std::string text =
        facts.to_string() + '\n' + tracks_text(*room, settings.width) + transports_text(*room, settings.width);
    return answered(std::move(*room), std::move(text));
}

Outcome events(const Settings& settings, const std::string& only) {
    auto list = ask(settings, "GET", only.empty() ? "/v1/events" : "/v1/events?room=" + escape(only));
    if (!list) return failed(list.error());
    Table table({{"TIME"}, {"ROOM"}, {"EVENT"}});
    for (const auto* event : objects_of(*list, "events"))
        table.add({time_of(*event, "unix_ms"), text_of(*event, "room"), text_of(*event, "text")});
    std::string text = table.empty() ? "no events\n" : table.to_string(settings.width);
    return answered(std::move(*list), std::move(text));
}

Outcome kick(const Settings& settings, const std::string& transport, const std::string& room) {
    std::string whom = "room=" + escape(room);
    if (!transport.empty()) {
        const auto id = parse_id(transport);
        if (!id) return Outcome::failed(Exit::usage, bad_id(transport));
        whom = "transport=" + hex_id(*id);
    }
    auto done = ask(settings, "POST", "/v1/kick?" + whom);
    if (!done) return failed(done.error());
    const std::string text = "sessions ended: " + text_of(*done, "kicked") + '\n';
    return answered(std::move(*done), text);
}

Outcome move(const Settings& settings, const std::string& transport, std::uint16_t worker) {
    const auto id = parse_id(transport);
    if (!id) return Outcome::failed(Exit::usage, bad_id(transport));
    auto done = ask(settings, "POST", fmt::format("/v1/move?transport={}&worker={}", hex_id(*id), worker));
    if (!done) return failed(done.error());
    const std::string text = "on its way to worker " + text_of(*done, "worker") + '\n';
    return answered(std::move(*done), text);
}

Outcome drain(const Settings& settings, bool off) {
    auto done = ask(settings, "POST", off ? "/v1/drain?off=1" : "/v1/drain");
    if (!done) return failed(done.error());
    const std::string text =
        is_true(*done, "draining") ? "draining: new sessions are refused, those that run go on\n" : "taking new sessions\n";
    return answered(std::move(*done), text);
}

}  // namespace sluice::ctl
