// Keys that follow from a number, so that what seals and what checks need not share memory.
#pragma once

#include <cstdint>
#include <random>

#include "dataplane/srtp/suite.hpp"

namespace sluice::perf {

[[nodiscard]] inline srtp::MasterKey key_of(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    srtp::MasterKey made;
    for (auto& byte : made.key) byte = static_cast<std::uint8_t>(random());
    for (auto& byte : made.salt) byte = static_cast<std::uint8_t>(random());
    return made;
}

}  // namespace sluice::perf
