// Prints medians: an aligned table, or a JSON object a line.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::perf {

class StageReporter final : public benchmark::BenchmarkReporter {
public:
    // `tsc_hz` turns the stages' TSC cycles into time.
    StageReporter(bool json, std::string cpu, std::uint64_t tsc_hz)
        : json_(json), cpu_(std::move(cpu)), hz_(static_cast<double>(tsc_hz)) {}
    bool ReportContext(const Context& context) override;
    void ReportRuns(const std::vector<Run>& runs) override;
    [[nodiscard]] int stages() const noexcept { return stages_; }
    // Stages that did not do their work.
    [[nodiscard]] int errors() const noexcept { return errors_; }

private:
    bool json_;
    std::string cpu_;
    double hz_;
    int stages_ = 0;
    int errors_ = 0;
};

}  // namespace sluice::perf
