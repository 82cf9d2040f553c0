#include "tools/load/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::loadgen {

std::uint64_t Histogram::percentile(double share) const noexcept {
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        if (seen >= rank) return std::min(upper_end(i), max_);
    }
    return max_;
}

}  // namespace sluice::loadgen
