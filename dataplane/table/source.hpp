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
struct alignas(64) Source {
    static constexpr std::size_t lines_of_a_packet = 10;

    SourceView* view = nullptr;  // on the owning worker
    abi::SourceSlot* counters = nullptr;
    std::uint64_t interested = 0;  // bit per other worker that has legs of it
    Transport* transport = nullptr;
    abi::SourceId id{};
    std::uint32_t slot = 0;
    std::uint8_t payload_type = 0;  // of the last packet
    media::Codec codec{};           // the same
    std::uint32_t new_packets = 0;  // since publish()
    std::uint32_t new_bytes = 0;
    std::uint64_t published = 0;  // packets
    media::ReceiveStats stats;
    srtp::ReplayWindow<1024> window;  // of received RTP indices
    // Of original packets, whichever way they came: RTX and the network may both deliver one.
    srtp::ReplayWindow<1024> delivered;
    abi::SourceSpec spec;
    media::UpstreamNack nack;
    // Up to the first fields of it: what each packet reads.

    media::KeyframeThrottle keyframes;
    srtp::ReplayWindow<1024> rtx_window;
    std::uint64_t rx_index_hint = 0;  // highest index that a data plane before us received
    std::uint64_t rtx_rx_index_hint = 0;
    std::int64_t rtt_ns = 50'000'000;
    std::uint8_t fir_sequence = 0;
    std::uint8_t bound_payload_type = 0;  // of the packet by which an SSRC was learned last
    bool bound_unreported = false;        // main was behind when it was learned

    // Brings the state segment up to date. What a data plane after us learns from the indices is the ROC, so they may lag.
    void publish() noexcept {
        counters->packets += new_packets;
        counters->bytes += new_bytes;
        new_packets = new_bytes = 0;
        counters->jitter = stats.jitter();
        counters->lost = static_cast<std::uint64_t>(stats.lost() > 0 ? stats.lost() : 0);
        counters->payload_type = payload_type;
        counters->codec = static_cast<std::uint8_t>(codec);
        if (!window.empty()) counters->rx_index.store(window.highest(), std::memory_order_relaxed);
        if (!rtx_window.empty()) counters->rtx_rx_index.store(rtx_window.highest(), std::memory_order_relaxed);
    }
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
