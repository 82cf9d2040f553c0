// The two ends that connectivity checks travel between.
#pragma once

#include <compare>

#include "dataplane/base/endpoint.hpp"

namespace sluice::ice {

struct Pair {
    Endpoint local;
    Endpoint remote;

    friend constexpr bool operator==(const Pair&, const Pair&) noexcept = default;
    friend constexpr auto operator<=>(const Pair&, const Pair&) noexcept = default;
};

}  // namespace sluice::ice
