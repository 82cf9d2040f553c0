// The manual pages, generated from what the programs themselves know, so that they cannot drift: of a command from its
// parser's model, of sluice.conf(5) from the schema.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace sluice::config {

struct ManPage {
    std::string name;  // "sluicectl"
    int section = 1;
    std::string summary;               // of one line; empty: the parser's description
    std::string version;               // "0.1.0"
    std::vector<std::string> details;  // paragraphs
    std::vector<std::string> see_also;
};
// Verbs and options of the empty group are left out, as in --help.
[[nodiscard]] std::string command_page(const CLI::App& app, const ManPage& page);

[[nodiscard]] std::string configuration_page(std::string_view version);

}  // namespace sluice::config
