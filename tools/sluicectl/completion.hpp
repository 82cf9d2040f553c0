// Completion for a shell, generated from the parser's model.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sluice::ctl {

// A script to be sourced: verbs and options; file names where a value stands.
[[nodiscard]] std::string bash_completion(const CLI::App& app);

}  // namespace sluice::ctl
