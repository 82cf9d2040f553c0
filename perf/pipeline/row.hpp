// One row of the pipeline benchmark, and how it is printed: a JSON object a line, or an aligned table.
#pragma once

#include <cstdint>
#include <string>

#include "perf/pipeline/bench_port.hpp"
#include "perf/pipeline/scene.hpp"

namespace sluice::perf {

// Median cost per packet of one contender over its clean slices; 0 where there was none.
struct Figure {
    double ns = 0;
    double cycles = 0;  // of the TSC
    std::size_t slices = 0;
    std::size_t dropped = 0;
    bool tainted = true;
};

struct Row {
    SceneSpec scene;
    Behind behind = Behind::null;

    Figure pipeline;
    double frame_bytes = 0;  // Ethernet frame without FCS
    Figure cipher;           // the product's sealer alone
    Figure kernel;           // EVP and sendmmsg, a datagram a message
    double evp_ns = 0;       // of that, EVP
    Figure kernel_gso;       // EVP and sendmmsg, four datagrams of one viewer a message
    // Medians of kernel / pipeline over pairs of slices that followed each other; 0 where there was no pair.
    double ratio = 0;
    double ratio_gso = 0;
    std::uint64_t samples = 0;  // packets that libsrtp opened and that were what was published
    std::uint64_t lost = 0;     // packets that a viewer should have been sent and was not
    std::string losses;         // their names and counts

    [[nodiscard]] double mpps() const noexcept { return pipeline.ns > 0 ? 1000 / pipeline.ns : 0; }
    [[nodiscard]] double gbps() const noexcept { return pipeline.ns > 0 ? frame_bytes * 8 / pipeline.ns : 0; }
};

// What is true of the whole run.
struct RunInfo {
    std::string benchmark = "pipeline";
    std::string cpu;
    unsigned core = 0;
    bool hugepages = false;
    bool own_namespace = false;
    std::string kernel_sink;
    double empty_syscall_ns = 0;
};

[[nodiscard]] std::string to_json(const Row& row, const RunInfo& run);
[[nodiscard]] std::string heading(const RunInfo& run);
[[nodiscard]] std::string to_line(const Row& row);
// What the columns mean.
[[nodiscard]] std::string legend();

}  // namespace sluice::perf
