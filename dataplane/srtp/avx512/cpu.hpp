// Whether this CPU, and the operating system on it, run our AVX-512 kernels.
#pragma once

#include <string>

namespace sluice::srtp::avx512 {

// Empty if they do; otherwise what is missing.
[[nodiscard]] std::string missing_features();

}  // namespace sluice::srtp::avx512
