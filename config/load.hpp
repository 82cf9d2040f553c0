// From a libconfig file to a Config, or to everything that is wrong with it. Pure but for load_file().
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/diagnostic.hpp"
#include "config/schema.hpp"

namespace sluice::config {

// Development mode without a file.
[[nodiscard]] Config load_default();

// The first syntax error, or all semantic errors in the order of their lines. `file_name` only names it in errors.
[[nodiscard]] std::expected<Config, Diagnostics> parse(std::string_view text, std::string_view file_name);
[[nodiscard]] std::expected<Config, Diagnostics> load_file(const std::filesystem::path& path);

struct Difference {
    std::string path;
    Change change = Change::cold;
    std::string before;  // as in the file, secrets masked
    std::string after;
    bool operator==(const Difference&) const = default;
};
// In the order of the schema.
[[nodiscard]] std::vector<Difference> diff(const Config& before, const Config& after);

// `running` with the warm keys of `wanted`: what is in force after a reload; cold keys wait for a restart.
[[nodiscard]] Config apply_warm(const Config& running, const Config& wanted);

}  // namespace sluice::config
