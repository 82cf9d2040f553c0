#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "config/load.hpp"
#include "config/schema.hpp"
#include "config/text.hpp"
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

// What the process was given as --config, as a path that holds here; "" if it was given none.
std::expected<std::string, std::string> config_file_of(pid_t pid) {
    const std::string proc = "/proc/" + std::to_string(pid);
    std::ifstream in(proc + "/cmdline", std::ios::binary);
    const std::string all(std::istreambuf_iterator<char>{in}, {});
    if (all.empty())
        return std::unexpected("cannot read " + proc +
                               "/cmdline: run as the same user as the control plane, or give --config");
    std::vector<std::string> arguments;
    for (std::size_t at = 0; at < all.size(); at += arguments.back().size() + 1) arguments.emplace_back(all.c_str() + at);
    std::string file;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        constexpr std::string_view with_value = "--config=";
        if (arguments[i] == "--config" && i + 1 < arguments.size())
            file = arguments[i + 1];
        else if (arguments[i].starts_with(with_value))
            file = arguments[i].substr(with_value.size());
    }
    if (file.empty() || file.starts_with('/')) return file;
    std::error_code error;
    const auto directory = std::filesystem::read_symlink(proc + "/cwd", error);
    if (error) return std::unexpected(proc + "/cwd: " + error.message());
    return (directory / file).string();
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
    const auto pid = admin(settings).listener();
    if (!pid) return failed(pid.error());
    if (*pid <= 0)
        return Outcome::failed(Exit::failure, "the control plane runs in another pid namespace: send it SIGHUP there");
    const auto file = config_file_of(*pid);
    if (!file) return Outcome::failed(Exit::failure, file.error());
    if (file->empty())
        return Outcome::failed(Exit::failure,
                               "the control plane was started without --config: there is nothing to read again");
    if (const auto loaded = config::load_file(*file); !loaded) {
        Outcome outcome = refused(loaded.error());
        outcome.error += "\nnothing was reloaded: what ran goes on";
        return outcome;
    }
    if (::kill(*pid, SIGHUP) != 0) {
        return Outcome::failed(Exit::failure, "cannot signal the control plane: " + std::generic_category().message(errno));
    }
    Outcome outcome;
    outcome.control_plane = PlaneState{true, {}};
    outcome.data = {{"file", *file}, {"pid", *pid}, {"signalled", true}};
    outcome.text =
        printable(*file) +
        " is correct, and the control plane was told to read it; its log names what changed, and what waits for a restart\n";
    return outcome;
}

}  // namespace sluice::ctl
