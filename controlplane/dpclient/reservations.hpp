// The packet indices that a data plane may have used: what its successor must start at, so that no (key, SSRC, index)
// ever seals two plaintexts. And those that it received, without which its successor would not know a publisher's ROC.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "dataplane/abi/types.hpp"

namespace sluice::dpclient {

class SegmentView;

struct LegReservation {
    std::uint64_t rtp = 0;  // first 48-bit index that was certainly not used
    std::uint64_t rtx = 0;
    // The RTP clock: what was sent last and when, so that timestamps go on where they were. 0 = nothing was sent.
    std::int64_t last_unix_ns = 0;
    std::uint32_t last_timestamp = 0;
};

// Valid for these SSRCs only: another one counts from its own start.
struct SourceProgress {
    std::uint32_t ssrc = 0;
    std::uint32_t rtx_ssrc = 0;
    std::uint64_t rx_index = 0;  // highest 48-bit index received, 0 = none
    std::uint64_t rtx_rx_index = 0;
};

struct Reservations {
    std::unordered_map<abi::TransportId, std::uint64_t> srtcp;
    std::unordered_map<abi::LegId, LegReservation> legs;
    std::unordered_map<abi::SourceId, SourceProgress> sources;
};

// Of a data plane that is dead: a living one goes on reserving.
[[nodiscard]] Reservations read_reservations(const SegmentView& segment);

}  // namespace sluice::dpclient
