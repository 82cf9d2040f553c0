// Rules between keys, and those that depend on the mode.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "config/diagnostic.hpp"

namespace sluice::config {

// Reports the path at fault, what is wrong with it and what to do.
using Report = std::function<void(std::string_view path, std::string message, std::string suggestion)>;

void check_rules(const Config& config, const Report& report);

}  // namespace sluice::config
