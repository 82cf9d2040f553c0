#include "config/manual.hpp"

#include <CLI/CLI.hpp>
#include <functional>

#include "config/roff.hpp"
#include "config/schema.hpp"

namespace sluice::config {
namespace {

using Apps = std::function<bool(const CLI::App*)>;

bool hidden(const CLI::Option& option) {
    return option.get_group().empty();
}

// "--all", "-h, --help"
std::string names_of(const CLI::Option& option) {
    std::string out;
    for (const auto& name : option.get_snames()) out += (out.empty() ? "-" : ", -") + name;
    for (const auto& name : option.get_lnames()) out += (out.empty() ? "--" : ", --") + name;
    return out;
}

std::string value_of(const CLI::Option& option) {
    if (option.get_items_expected_max() == 0) return {};
    const std::string type = option.get_type_name();  // with its validators: "FLOAT:FLOAT in [0 - 1]"
    return type.empty() ? "VALUE" : type.substr(0, type.find(':'));
}

std::string description_of(const CLI::Option& option) {
    std::string out = option.get_description();
    if (const auto& value = option.get_default_str(); !value.empty()) out += " (default: " + value + ')';
    if (option.get_required() && option.nonpositional()) out += " (required)";
    return out;
}

// Of the app and its option groups, which are apps without a name.
void options_of(const CLI::App& app, Roff& roff) {
    for (const CLI::Option* option : app.get_options())
        if (!hidden(*option) && option->get_positional())
            roff.item("", option->get_name(true, false), description_of(*option));
    // Each verb has --help; once is enough.
    for (const CLI::Option* option : app.get_options())
        if (!hidden(*option) && option->nonpositional() && (option != app.get_help_ptr() || app.get_parent() == nullptr))
            roff.item(names_of(*option), value_of(*option), description_of(*option));
    for (const CLI::App* group : app.get_subcommands(Apps{}))
        if (group->get_name().empty()) options_of(*group, roff);
}

void positionals_of(const CLI::App& app, std::string& out) {
    for (const CLI::Option* option : app.get_options())
        if (!hidden(*option) && option->get_positional())
            out += option->get_required() ? ' ' + option->get_name(true, false) : " [" + option->get_name(true, false) + ']';
    for (const CLI::App* group : app.get_subcommands(Apps{}))
        if (group->get_name().empty()) positionals_of(*group, out);
}

void verbs_of(const CLI::App& app, const std::string& prefix, Roff& roff) {
    for (const CLI::App* verb : app.get_subcommands(Apps{})) {
        if (verb->get_name().empty() || verb->get_group().empty()) continue;
        const std::string path = prefix.empty() ? verb->get_name() : prefix + ' ' + verb->get_name();
        const auto inner = verb->get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
        if (inner.empty()) {
            std::string title = path;
            positionals_of(*verb, title);
            roff.subsection(title).text(verb->get_description());
            options_of(*verb, roff);
        }
        verbs_of(*verb, path, roff);
    }
}

bool has_verbs(const CLI::App& app) {
    return !app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); }).empty();
}

void see_also(const std::vector<std::string>& pages, Roff& roff) {
    if (pages.empty()) return;
    std::string list;
    for (const std::string& page : pages) list += (list.empty() ? "" : ", ") + page;
    roff.section("SEE ALSO").text(list);
}

}  // namespace

std::string command_page(const CLI::App& app, const ManPage& page) {
    Roff roff(page.name, page.section, "Sluice " + page.version);
    const std::string summary = page.summary.empty() ? app.get_description() : page.summary;
    roff.section("NAME").text(page.name + " - " + summary);
    const bool verbs = has_verbs(app);
    roff.section("SYNOPSIS").text(page.name + (verbs ? " [OPTIONS] COMMAND [ARGUMENTS]" : " [OPTIONS]"));
    roff.section("DESCRIPTION").text(app.get_description());
    for (const std::string& paragraph : page.details) roff.text(paragraph);
    roff.section("OPTIONS");
    options_of(app, roff);
    if (verbs) {
        roff.section("COMMANDS");
        verbs_of(app, "", roff);
    }
    if (const std::string footer = app.get_footer(); !footer.empty()) roff.section("NOTES").text(footer);
    see_also(page.see_also, roff);
    return roff.str();
}

std::string configuration_page(std::string_view version) {
    Roff roff("sluice.conf", 5, "Sluice " + std::string(version));
    roff.section("NAME").text("sluice.conf - configuration of Sluice's two planes");
    roff.section("DESCRIPTION")
        .text(
            "One file in the syntax of libconfig for sluice-dataplane, sluice-controlplane and sluicectl, which are given "
            "it "
            "as --config. Every key may be left out. `sluicectl config check` says what is wrong with a file, all of it at "
            "once.")
        .text(
            "A change of a warm key takes effect by `sluicectl config reload` or SIGHUP to the control plane, a change of a "
            "cold key by a restart.");
    roff.section("EXAMPLE").verbatim(
        "mode = \"production\";\nhttp = { listen = \"0.0.0.0\"; port = 7880; };\n"
        "keys = { mykey = \"at least 32 bytes of secret\"; };");
    roff.section("KEYS");
    std::string_view open = "-";
    for (const Row& row : schema()) {
        if (row.group() != open) {
            open = row.group();
            if (!open.empty()) roff.subsection(open);
            if (const auto doc = group_doc(open); !doc.empty()) roff.text(doc);
        }
        std::string facts = "Default " + spell(row, row.get(Config{}), true) + "; " + std::string(name_of(row.change)) + '.';
        if (const std::string range = range_of(row); !range.empty()) facts = range + ". " + facts;
        roff.item(row.path, name_of(row.type), std::string(row.doc) + ' ' + facts);
    }
    see_also({"sluicectl(1)", "sluice-dataplane(8)", "sluice-controlplane(8)"}, roff);
    return roff.str();
}

}  // namespace sluice::config
