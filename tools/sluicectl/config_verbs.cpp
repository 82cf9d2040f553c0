#include "config/load.hpp"
#include "config/schema.hpp"
#include "config/text.hpp"
#include "tools/sluicectl/json_text.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/verbs.hpp"

namespace sluice::ctl {
namespace {

namespace json = boost::json;

Outcome refused(const config::Diagnostics& diagnostics) {
    json::array out;
    for (const config::Diagnostic& d : diagnostics) {
        out.push_back(json::object{
            {"file", d.file}, {"line", d.line}, {"key", d.key}, {"message", d.message}, {"suggestion", d.suggestion}});
    }
    std::string text = config::to_string(diagnostics);
    while (text.ends_with('\n')) text.pop_back();
    Outcome outcome = Outcome::failed(Exit::failure, "the configuration is refused:\n" + text);
    outcome.data = {{"diagnostics", std::move(out)}};
    return outcome;
}

json::value value_json(const config::Row& row, const config::Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        if (row.type == config::Type::choice) return json::value(row.choices[static_cast<std::size_t>(*number)]);
        return *number;
    }
    if (const auto* text = std::get_if<std::string>(&value)) return json::value(*text);
    json::array out;
    if (const auto* list = std::get_if<config::StringList>(&value)) {
        for (const std::string& item : *list) out.emplace_back(item);
    } else {
        for (const config::ApiKey& key : std::get<config::KeyList>(value)) out.emplace_back(key.name);  // names only
    }
    return out;
}

// What the control plane did with its file, as a table.
std::string changes_text(const json::object& answer, std::size_t width) {
    const std::string file = printable(text_of(answer, "file"));
    Table table({{"KEY"}, {"BEFORE"}, {"AFTER"}, {"NOW"}});
    for (const auto* change : objects_of(answer, "changes")) {
        std::string planes;
        if (const auto* restart = change->if_contains("restart"); restart != nullptr && restart->is_array())
            for (const json::value& plane : restart->as_array())
                if (plane.is_string()) planes += (planes.empty() ? "" : ", ") + std::string(plane.as_string());
        std::string now = is_true(*change, "applied") ? "in force" : "waits for a restart of the " + planes;
        if (is_true(*change, "applied") && !planes.empty()) now += "; the " + planes + " takes it at its next start";
        table.add({text_of(*change, "key"), text_of(*change, "before"), text_of(*change, "after"), std::move(now)});
    }
    return file + (table.empty() ? " was read again: nothing changed\n" : " was read again\n" + table.to_string(width));
}

}  // namespace

Outcome config_check(const std::string& file) {
    const auto loaded = config::load_file(file);
    if (!loaded) return refused(loaded.error());
    Outcome outcome;
    outcome.data = {{"file", file}, {"ok", true}};
    outcome.text = printable(file) + ": ok\n";
    return outcome;
}

Outcome config_show(const Settings& settings) {
    Outcome outcome;
    outcome.text = config::show(settings.config);
    json::object values;
    for (const config::Row& row : config::schema()) values[row.path] = value_json(row, row.get(settings.config));
    outcome.data = {{"file", settings.config_file.empty() ? json::value(nullptr) : json::value(settings.config_file)},
                    {"values", std::move(values)}};
    return outcome;
}

Outcome config_reload(const Settings& settings) {
    const auto body = admin(settings).post("/v1/config/reload");
    if (!body) {
        Outcome outcome = failed(body.error());
        if (body.error().unreachable) return outcome;
        // All that is wrong stands there, one a line; the answer has it in parts too.
        while (outcome.error.ends_with('\n')) outcome.error.pop_back();
        outcome.error += "\nnothing was reloaded: what ran goes on";
        outcome.control_plane = PlaneState{true, {}};
        if (const auto problem = parse_object(body.error().body))
            if (const auto* diagnostics = problem->if_contains("diagnostics"))
                outcome.data = {{"diagnostics", *diagnostics}};
        return outcome;
    }
    auto answer = parse_object(*body);
    if (!answer)
        return Outcome::failed(Exit::failure, "the control plane's answer is no JSON object: is it of another version?");
    without_version(*answer);
    Outcome outcome;
    outcome.control_plane = PlaneState{true, {}};
    outcome.text = changes_text(*answer, settings.width);
    outcome.data = std::move(*answer);
    return outcome;
}

}  // namespace sluice::ctl
