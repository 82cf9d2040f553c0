// The command line: options, verbs, exit codes.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace sluice::ctl {

struct Terminal {
    bool is_terminal = false;  // of `out`
    std::size_t width = 0;
};

// `arguments` without the program's name. Returns the exit code.
[[nodiscard]] int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err, Terminal terminal);

}  // namespace sluice::ctl
