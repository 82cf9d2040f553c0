// The statistics of a benchmark: medians, since what disturbs a slice only ever makes it longer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace sluice::perf {

// Reorders the values. 0 of none.
[[nodiscard]] inline double median(std::span<double> values) noexcept {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

}  // namespace sluice::perf
