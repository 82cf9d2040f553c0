#include "config/load.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <libconfig.h++>
#include <map>
#include <optional>

#include "config/literals.hpp"
#include "config/rules.hpp"

namespace sluice::config {
namespace {

using libconfig::Setting;

constexpr std::size_t max_file_bytes = 1 << 20;
constexpr std::size_t max_string_bytes = 4096;

// Each width only converts to its own type.
std::int64_t integer_of(const Setting& setting) {
    return setting.getType() == Setting::TypeInt ? static_cast<int>(setting) : static_cast<long long>(setting);
}

class Reader {
public:
    explicit Reader(std::string_view file_name) : file_(file_name) {}

    void read_group(const Setting& group, const std::string& prefix) {
        for (int i = 0; i < group.getLength(); ++i) {
            const Setting& setting = group[i];
            const std::string path = (prefix.empty() ? "" : prefix + '.') + setting.getName();
            lines_[path] = setting.getSourceLine();
            if (const Row* row = find_row(path)) {
                read_value(*row, setting);
            } else if (!is_group(path)) {
                report(path, setting.getSourceLine(), "unknown key", suggest(prefix, setting.getName()));
            } else if (!setting.isGroup()) {
                report(path, setting.getSourceLine(), "must be a group", "write " + leaf(path) + " = { ... };");
            } else {
                read_group(setting, path);
            }
        }
    }

    void refuse_literals(std::string_view text) {
        for (auto& literal : find_oversized_literals(text)) {
            report("", literal.line, literal.text + " is out of range of any key", "");
        }
    }

    std::expected<Config, Diagnostics> finish() {
        if (config_.mode == Mode::production && !lines_.contains("keys")) config_.keys.clear();
        check_rules(config_, [this](std::string_view path, std::string message, std::string suggestion) {
            const std::string key(path);
            // A value that was refused already stands at its default, of which nobody wants to hear.
            if (refused_.contains(key)) return;
            report(key, line_of(key), std::move(message), std::move(suggestion));
        });
        if (diagnostics_.empty()) return std::move(config_);
        return std::unexpected(std::move(diagnostics_));
    }

private:
    static std::string leaf(std::string_view path) { return std::string(path.substr(path.rfind('.') + 1)); }

    unsigned line_of(const std::string& path) const {
        const auto found = lines_.find(path);
        return found == lines_.end() ? 0 : found->second;
    }

    void report(std::string path, unsigned line, std::string message, std::string suggestion) {
        refused_[path] = true;
        diagnostics_.insert(std::ranges::upper_bound(diagnostics_, line, {}, &Diagnostic::line),
                            {file_, line, std::move(path), std::move(message), std::move(suggestion)});
    }

    // A neighbour with a similar name, else a key of that or a similar name in another group.
    static std::string suggest(std::string_view group, std::string_view name) {
        std::vector<std::string_view> neighbours, leaves;
        const std::size_t skip = group.empty() ? 0 : group.size() + 1;
        for (const Row& row : schema()) {
            leaves.push_back(row.leaf());
            if (skip > 0 && (!row.path.starts_with(group) || row.path.size() <= skip || row.path[skip - 1] != '.')) continue;
            const auto rest = row.path.substr(skip);
            neighbours.push_back(rest.substr(0, rest.find('.')));
        }
        if (const auto near = closest(name, neighbours); !near.empty()) return "did you mean " + std::string(near) + '?';
        const auto elsewhere = closest(name, leaves);
        for (const Row& row : schema()) {
            if (!elsewhere.empty() && row.leaf() == elsewhere) return "did you mean " + std::string(row.path) + '?';
        }
        return {};
    }

    void read_value(const Row& row, const Setting& setting) {
        switch (row.type) {
            case Type::integer: return read_integer(row, setting);
            case Type::choice: return read_choice(row, setting);
            case Type::string: return read_string(row, setting);
            case Type::strings: return read_strings(row, setting);
            case Type::keys: return read_keys(row, setting);
        }
    }

    void refuse(const Row& row, const Setting& at, std::string message, std::string suggestion = {}) {
        report(std::string(row.path), at.getSourceLine(), std::move(message), std::move(suggestion));
    }

    static std::string assignment(const Row& row, std::string_view value) {
        return "write " + std::string(row.leaf()) + " = " + std::string(value) + ';';
    }

    void read_integer(const Row& row, const Setting& setting) {
        if (setting.getType() != Setting::TypeInt && setting.getType() != Setting::TypeInt64) {
            std::string suggestion = "its default is " + spell(row, row.get(Config{}));
            if (setting.getType() == Setting::TypeString) {
                const std::string_view text = setting.c_str();
                const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
                if (number) suggestion = assignment(row, text);
            }
            return refuse(row, setting, "must be an integer", std::move(suggestion));
        }
        const auto value = integer_of(setting);
        if (value < row.min || value > row.max) {
            return refuse(row, setting, std::to_string(value) + " is out of range", "use " + range_of(row));
        }
        row.set(config_, value);
    }

    void read_choice(const Row& row, const Setting& setting) {
        const std::string allowed = "use one of " + range_of(row);
        if (setting.getType() != Setting::TypeString) return refuse(row, setting, "must be a string", allowed);
        const std::string_view text = setting.c_str();
        const auto found = std::ranges::find(row.choices, text);
        if (found != row.choices.end()) return row.set(config_, std::int64_t{found - row.choices.begin()});
        const auto near = closest(text, {row.choices.begin(), row.choices.end()});
        refuse(row, setting, in_quotes(text.substr(0, 64)) + " is not known",
               near.empty() ? allowed : "did you mean " + in_quotes(near) + '?');
    }

    // The check's complaint about one string, reported; true if there is none.
    bool accept(const Row& row, const Setting& at, std::string_view text) {
        std::string complaint = row.check != nullptr ? row.check(text) : std::string();
        if (text.size() > max_string_bytes) complaint = "is longer than 4096 bytes";
        if (complaint.empty()) return true;
        const bool nothing_to_show = text.empty() || text.size() > max_string_bytes;
        refuse(row, at, nothing_to_show ? complaint : in_quotes(text.substr(0, 64)) + ' ' + complaint,
               row.example.empty() ? "" : "for example " + std::string(row.leaf()) + " = " + std::string(row.example) + ';');
        return false;
    }

    void read_string(const Row& row, const Setting& setting) {
        if (setting.getType() != Setting::TypeString) {
            return refuse(row, setting, "must be a string", assignment(row, scalar_in_quotes(setting)));
        }
        const std::string text = setting.c_str();
        if (accept(row, setting, text)) row.set(config_, text);
    }

    static std::string scalar_in_quotes(const Setting& setting) {
        switch (setting.getType()) {
            case Setting::TypeInt:
            case Setting::TypeInt64: return in_quotes(std::to_string(integer_of(setting)));
            case Setting::TypeBoolean: return static_cast<bool>(setting) ? "\"true\"" : "\"false\"";
            default: return "\"...\"";
        }
    }

    void read_strings(const Row& row, const Setting& setting) {
        if (setting.getType() == Setting::TypeString) {
            return refuse(row, setting, "must be a list", assignment(row, "( " + in_quotes(setting.c_str()) + " )"));
        }
        if (!setting.isList() && !setting.isArray()) {
            return refuse(row, setting, "must be a list of strings", assignment(row, row.example));
        }
        StringList list;
        for (int i = 0; i < setting.getLength(); ++i) {
            const Setting& item = setting[i];
            if (item.getType() != Setting::TypeString) {
                refuse(row, item, "entry " + std::to_string(i + 1) + " must be a string", "");
            } else if (accept(row, item, item.c_str())) {
                list.emplace_back(item.c_str());
            }
        }
        row.set(config_, list);
    }

    // What is refused here is never quoted: it may be a secret.
    void read_keys(const Row& row, const Setting& setting) {
        if (!setting.isGroup()) return refuse(row, setting, "must be a group", assignment(row, row.example));
        KeyList keys;
        for (int i = 0; i < setting.getLength(); ++i) {
            const Setting& item = setting[i];
            const std::string path = std::string(row.path) + '.' + item.getName();
            if (item.getType() != Setting::TypeString) {
                report(path, item.getSourceLine(), "the secret must be a string", "put it in quotes");
                refused_[std::string(row.path)] = true;
            } else if (const std::size_t size = std::strlen(item.c_str()); size == 0 || size > max_string_bytes) {
                report(path, item.getSourceLine(), "the secret must have 1 to 4096 bytes", "");
                refused_[std::string(row.path)] = true;
            } else {
                keys.push_back({item.getName(), item.c_str()});
            }
        }
        row.set(config_, keys);
    }

    std::string file_;
    Config config_;
    Diagnostics diagnostics_;
    std::map<std::string, unsigned> lines_;
    std::map<std::string, bool> refused_;
};

unsigned line_at(std::string_view text, std::size_t offset) {
    return 1 + static_cast<unsigned>(std::ranges::count(text.substr(0, offset), '\n'));
}

// What libconfig would do and we do not want, or would not notice.
std::optional<Diagnostic> refuse_early(std::string_view text, const std::string& file) {
    if (text.size() > max_file_bytes) return Diagnostic{file, 0, "", "is larger than 1 MB", ""};
    if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
        return Diagnostic{file, line_at(text, nul), "", "contains a NUL byte", "is this a text file?"};
    }
    for (std::size_t at = 0; (at = text.find("@include", at)) != std::string_view::npos; ++at) {
        const auto begin = text.rfind('\n', at) + 1;
        const auto before = text.substr(begin, at - begin);
        if (before.find_first_not_of(" \t") == std::string_view::npos) {
            return Diagnostic{file, line_at(text, at), "", "@include is not supported", "keep everything in one file"};
        }
    }
    return std::nullopt;
}

}  // namespace

Config load_default() {
    return Config{};
}

std::expected<Config, Diagnostics> parse(std::string_view text, std::string_view file_name) {
    const std::string file(file_name);
    if (auto refused = refuse_early(text, file)) return std::unexpected(Diagnostics{std::move(*refused)});
    try {
        libconfig::Config raw;
        raw.setOptions(0);
        raw.readString(std::string(text) + '\n');  // a comment in the last line must end
        Reader reader(file_name);
        reader.read_group(raw.getRoot(), "");
        reader.refuse_literals(text);
        return reader.finish();
    } catch (const libconfig::ParseException& e) {
        const auto line = static_cast<unsigned>(std::max(e.getLine(), 0));
        return std::unexpected(Diagnostics{{file, line, "", e.getError() != nullptr ? e.getError() : "syntax error",
                                            "look for a missing \";\", quote or brace here or in the line before"}});
    } catch (const libconfig::ConfigException& e) {
        return std::unexpected(Diagnostics{{file, 0, "", std::string("cannot be read: ") + e.what(), ""}});
    }
}

std::expected<Config, Diagnostics> load_file(const std::filesystem::path& path) {
    std::error_code error;
    const auto fail = [&](std::string message, std::string suggestion) {
        return std::unexpected(Diagnostics{{path.string(), 0, "", std::move(message), std::move(suggestion)}});
    };
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) return fail("no such file", "copy config/sluice.conf.sample there");
    if (!std::filesystem::is_regular_file(status)) return fail("is not a file", "");
    std::ifstream in(path, std::ios::binary);
    if (!in) return fail("cannot be opened", "check its owner and mode");
    std::string text(max_file_bytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return parse(text, path.string());
}

std::vector<Difference> diff(const Config& before, const Config& after) {
    std::vector<Difference> out;
    for (const Row& row : schema()) {
        const Value a = row.get(before);
        const Value b = row.get(after);
        if (a != b) out.push_back({std::string(row.path), row.change, spell(row, a), spell(row, b)});
    }
    return out;
}

Config apply_warm(const Config& running, const Config& wanted) {
    Config out = running;
    for (const Row& row : schema()) {
        if (row.change == Change::warm) row.set(out, row.get(wanted));
    }
    return out;
}

}  // namespace sluice::config
