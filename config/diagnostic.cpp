#include "config/diagnostic.hpp"

namespace sluice::config {

std::string Diagnostic::to_string() const {
    std::string out = file;
    if (line != 0) out += ':' + std::to_string(line);
    out += ": ";
    if (!key.empty()) out += key + ": ";
    out += message;
    if (!suggestion.empty()) out += "; " + suggestion;
    return out;
}

std::string to_string(const Diagnostics& diagnostics) {
    std::string out;
    for (const auto& d : diagnostics) out += d.to_string() + '\n';
    return out;
}

}  // namespace sluice::config
