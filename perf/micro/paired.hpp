// The sealers against each other: our kernels, ipsec-mb and OpenSSL's EVP take turns of about a millisecond in one process,
// so that what else the machine does falls on all alike. A ratio of two runs says little, the median of ratios of neighbours
// much.
#pragma once

#include <cstdint>
#include <regex>
#include <string>

namespace sluice::perf {

struct PairedOptions {
    std::regex filter;
    bool json = false;
    bool quick = false;
    std::string cpu;
    double tsc_hz = 0;
};

struct PairedResult {
    int rows = 0;    // printed
    int errors = 0;  // a packet that was not sealed, or not as the others seal it
};

[[nodiscard]] PairedResult run_paired(const PairedOptions& options);

}  // namespace sluice::perf
