// One line a second that says how a run is going: viewers by phase, what they receive, what was lost. On a terminal the line
// is written over; elsewhere (--progress) each is one of its own.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "tools/load/report.hpp"

namespace sluice::loadgen {

// Main thread only.
class Progress {
public:
    // Silent when `out` is null.
    explicit Progress(std::FILE* out);

    [[nodiscard]] bool due(std::int64_t now_ns) const noexcept { return out_ != nullptr && now_ns >= next_ns_; }
    void show(const Crowd& crowd, std::uint32_t viewers_wanted, std::int64_t now_ns);
    // Before anything else is written: the line is complete.
    void end();

    // "viewers 940/1000 connected, 3 joining, ..."; for show(), and for its test.
    [[nodiscard]] std::string line(const Crowd& crowd, std::uint32_t viewers_wanted, std::int64_t now_ns);

private:
    std::FILE* out_;
    bool terminal_ = false;
    bool open_ = false;
    std::int64_t next_ns_ = 0, last_ns_ = 0;
    std::uint64_t last_packets_ = 0, last_bytes_ = 0;
};

}  // namespace sluice::loadgen
