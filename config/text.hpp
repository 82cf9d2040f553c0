// Texts made from the schema: `config show`, the sample file, the key reference.
#pragma once

#include <string>
#include <string_view>

#include "config/config.hpp"

namespace sluice::config {

// The whole configuration in the file's syntax. Secrets are masked unless `reveal`; only then does it parse back.
[[nodiscard]] std::string show(const Config& config, bool reveal = false);

// sluice.conf.sample: every key with its documentation, commented out at its default ("#key = value;").
[[nodiscard]] std::string sample();
// The same text with the commented defaults in force.
[[nodiscard]] std::string uncomment_defaults(std::string_view sample);

// KEYS.md.
[[nodiscard]] std::string keys_markdown();

}  // namespace sluice::config
