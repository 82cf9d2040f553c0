// Measures rows on one scene: the pipeline, the bare cipher and the two kernel baselines take turns of a few slices, so that
// whatever the machine does in the meantime happens to all of them.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "perf/pipeline/bare_cipher.hpp"
#include "perf/pipeline/bench_port.hpp"
#include "perf/pipeline/kernel_baseline.hpp"
#include "perf/pipeline/row.hpp"
#include "perf/pipeline/sample_check.hpp"

namespace sluice::perf {

struct MeasureOptions {
    unsigned rounds = 100;
    bool break_sample = false;  // flips a bit of what is checked: the check has to notice
};

class Measurement {
public:
    explicit Measurement(const SceneSpec& spec);
    // What is in the port's ring belongs to the scene's pools.
    ~Measurement() { port_.drain(); }
    Measurement(const Measurement&) = delete;
    Measurement& operator=(const Measurement&) = delete;

    // Once, before the first row: the baseline sends what it claims to send.
    [[nodiscard]] std::expected<void, std::string> check_baseline();
    // An error where the output is not what was published, or a packet is missing and no counter says why.
    [[nodiscard]] std::expected<Row, std::string> row(Behind behind, const MeasureOptions& options);
    [[nodiscard]] std::string_view kernel_sink() const noexcept { return kernel_.sink(); }

private:
    void iterate();
    void pipeline_turn(SliceMeter& meter);
    [[nodiscard]] std::expected<void, std::string> sample(bool broken);

    BenchPort port_;
    Scene scene_;
    BareCipher cipher_;
    KernelBaseline kernel_;
    SampleCheck check_;
};

}  // namespace sluice::perf
