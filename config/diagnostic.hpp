// What is wrong with a configuration file, in the words that its author needs: where, what, and what to write instead.
#pragma once

#include <string>
#include <vector>

namespace sluice::config {

struct Diagnostic {
    std::string file;
    unsigned line = 0;  // 0: no line of the file is at fault (something is missing)
    std::string key;    // full path, "" for a syntax error
    std::string message;
    std::string suggestion;  // may be empty
    bool operator==(const Diagnostic&) const = default;

    // "sluice.conf:12: rtc.udp_prot: unknown key; did you mean udp_port?"
    [[nodiscard]] std::string to_string() const;
};

using Diagnostics = std::vector<Diagnostic>;

// One line each.
[[nodiscard]] std::string to_string(const Diagnostics& diagnostics);

}  // namespace sluice::config
