// What a viewer knows of one of its tracks; for viewer.cpp and viewer_rtcp.cpp.
#pragma once

#include <utility>

#include "tools/load/viewer.hpp"

namespace sluice::loadgen {

inline constexpr std::int64_t report_interval_ns = 1'000'000'000;

struct Viewer::Track {
    Track(AnsweredTrack answer, bool oracle)
        : answered(std::move(answer)), seen(oracle ? 2048 : 256), rtx_seen(oracle ? 512 : 64) {}

    AnsweredTrack answered;
    RecentIndices seen;
    RecentIndices rtx_seen;
    GapTracker gaps;
    FirstPicture first_picture;
    std::uint32_t stream = 0;
    std::uint64_t last_counter = 0, counted_index = 0;  // as read, and from which packet
    std::int64_t last_media_ns = 0;
    std::int64_t excused_ns = 0;  // of the time since then: we stood still
    std::int64_t max_gap_ns = 0;
    bool returning = false;    // the next packet is the first after a rebinding
    bool wants_start = false;  // media began in the middle of a picture
    // For receiver reports (RFC 3550 A.3, A.8).
    std::uint64_t first_index = 0, received = 0, expected_before = 0, received_before = 0;
    std::int64_t jitter16 = 0, last_transit = 0;
    std::uint32_t last_sr = 0;
    std::int64_t last_sr_ns = 0;
};

}  // namespace sluice::loadgen
