// A source: one RTP stream (and its RTX stream) of a publisher, owned by the publisher's worker.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/abi/messages.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/media/codec.hpp"
#include "dataplane/media/keyframe_throttle.hpp"
#include "dataplane/media/receive_stats.hpp"
#include "dataplane/media/upstream_nack.hpp"
#include "dataplane/srtp/replay.hpp"
#include "dataplane/table/source_view.hpp"

namespace sluice::table {

struct Transport;

// Owning worker only, between install and retire.
struct Source {
    abi::SourceId id{};
    std::uint32_t slot = 0;
    abi::SourceSpec spec;
    Transport* transport = nullptr;
    SourceView* view = nullptr;    // on the owning worker
    std::uint64_t interested = 0;  // bit per other worker that has legs of it

    srtp::ReplayWindow<1024> window;  // of received RTP indices
    srtp::ReplayWindow<1024> rtx_window;
    // Of original packets, whichever way they came: RTX and the network may both deliver one.
    srtp::ReplayWindow<1024> delivered;
    std::uint64_t rx_index_hint = 0;  // highest index that a data plane before us received
    std::uint64_t rtx_rx_index_hint = 0;
    media::ReceiveStats stats;
    media::UpstreamNack nack;
    media::KeyframeThrottle keyframes;
    std::int64_t rtt_ns = 50'000'000;
    std::uint8_t fir_sequence = 0;
    std::uint8_t bound_payload_type = 0;  // of the packet by which an SSRC was learned last
    bool bound_unreported = false;        // main was behind when it was learned

    abi::SourceSlot* counters = nullptr;

    [[nodiscard]] std::uint8_t payload_index(std::uint8_t payload_type) const noexcept {
        for (std::uint8_t i = 0; i < abi::max_payloads; ++i) {
            if (spec.payloads[i].payload_type == payload_type) return i;
        }
        return abi::max_payloads;
    }
    [[nodiscard]] std::uint8_t rtx_payload_index(std::uint8_t payload_type) const noexcept {
        for (std::uint8_t i = 0; i < abi::max_payloads; ++i) {
            if (spec.payloads[i].payload_type != 0xff && spec.payloads[i].rtx_payload_type == payload_type) return i;
        }
        return abi::max_payloads;
    }
};

}  // namespace sluice::table
