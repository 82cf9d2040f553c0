#include "config/text.hpp"

#include <functional>

#include "config/schema.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t width = 110;

std::string indent(std::size_t depth) {
    return std::string(2 * depth, ' ');
}

// "# " lines of at most `width` columns.
std::string comment(std::string_view text, std::size_t depth) {
    std::string out, line = indent(depth) + "#";
    while (!text.empty()) {
        const auto space = text.find(' ');
        const auto word = text.substr(0, space);
        if (line.size() + 1 + word.size() > width) {
            out += line + '\n';
            line = indent(depth) + "#";
        }
        line += ' ' + std::string(word);
        text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    }
    return out + line + '\n';
}

std::size_t depth_of(std::string_view group) {
    std::size_t depth = group.empty() ? 0 : 1;
    for (const char c : group) depth += c == '.';
    return depth;
}

// Opens and closes groups on the way through the rows, and lets `write` add the keys.
std::string walk(bool documented, const std::function<void(std::string&, const Row&, std::size_t depth)>& write) {
    std::string out;
    std::string open;
    const auto close_one = [&] {
        const auto dot = open.rfind('.');
        open.resize(dot == std::string::npos ? 0 : dot);
        out += indent(depth_of(open)) + "};\n";
    };
    for (const Row& row : schema()) {
        const auto group = row.group();
        const auto inside = [&] { return open.empty() || group == open || group.starts_with(open + '.'); };
        while (!inside()) close_one();
        while (open != group) {
            const auto from = open.empty() ? 0 : open.size() + 1;
            const auto name = group.substr(from, group.find('.', from) - from);
            const auto depth = depth_of(open);
            open = group.substr(0, from + name.size());
            if (documented) out += '\n' + comment(group_doc(open), depth);
            out += indent(depth) + std::string(name) + " = {\n";
        }
        write(out, row, depth_of(open));
    }
    while (!open.empty()) close_one();
    return out;
}

std::string markdown_cell(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
}

}  // namespace

std::string show(const Config& config, bool reveal) {
    return walk(false, [&](std::string& out, const Row& row, std::size_t depth) {
        out += indent(depth) + std::string(row.leaf()) + " = " + spell(row, row.get(config), reveal) + ";\n";
    });
}

std::string sample() {
    std::string out =
        "# Sluice: every key with its default. Both planes and sluicectl read this one file.\n"
        "# A line that begins with \"#\" and a key states the default; take the \"#\" away to change it.\n"
        "# [warm] keys change with `sluicectl config reload`, [cold] ones with a restart.\n"
        "# Check a file with `sluicectl config check FILE`.\n"
        "# Generated from config/schema.cpp: change it there, then run `config_texts sample`.\n";
    return out + walk(true, [](std::string& text, const Row& row, std::size_t depth) {
               std::string doc(row.doc);
               const std::string range = range_of(row);
               if (!range.empty()) doc += " (" + range + ')';
               doc += " [" + std::string(name_of(row.change)) + ']';
               text += '\n' + comment(doc, depth);
               if (!row.example.empty()) text += indent(depth) + "# For example: " + std::string(row.example) + '\n';
               text += indent(depth) + '#' + std::string(row.leaf()) + " = " + spell(row, row.get(Config{}), true) + ";\n";
           });
}

std::string uncomment_defaults(std::string_view sample) {
    std::string out;
    while (!sample.empty()) {
        const auto end = sample.find('\n');
        std::string line(sample.substr(0, end));
        sample.remove_prefix(end == std::string_view::npos ? sample.size() : end + 1);
        const auto mark = line.find_first_not_of(' ');
        const bool is_default = mark != std::string::npos && line[mark] == '#' && mark + 1 < line.size() &&
                                line[mark + 1] >= 'a' && line[mark + 1] <= 'z';
        if (is_default) line[mark] = ' ';
        out += line + '\n';
    }
    return out;
}

std::string keys_markdown() {
    std::string out =
        "# Keys of sluice.conf\n\n"
        "Generated from `config/schema.cpp` by `config_texts keys`. *Warm* keys take effect by `sluicectl config\n"
        "reload`, *cold* ones by a restart.\n";
    std::string_view group = "-";
    for (const Row& row : schema()) {
        if (row.type == Type::keys || row.group() != group) {
            group = row.group();
            const std::string title = group.empty() ? std::string(row.leaf()) : std::string(group);
            out += "\n## " + title + "\n\n";
            if (!group.empty()) out += std::string(group_doc(group)) + "\n\n";
            out += "| key | type | range | default | change | meaning |\n|---|---|---|---|---|---|\n";
        }
        out += "| `" + std::string(row.path) + "` | " + std::string(name_of(row.type)) + " | " +
               markdown_cell(range_of(row)) + " | `" + markdown_cell(spell(row, row.get(Config{}), true)) + "` | " +
               std::string(name_of(row.change)) + " | " + markdown_cell(row.doc) + " |\n";
    }
    return out;
}

}  // namespace sluice::config
