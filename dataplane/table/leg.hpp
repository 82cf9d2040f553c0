// A leg: one source on its way to one viewer, owned by the viewer's worker. LegHot is what every egress packet touches.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/abi/messages.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/base/token_bucket.hpp"
#include "dataplane/media/leg_rewriter.hpp"

namespace sluice::table {

struct Transport;
struct SourceView;

struct alignas(64) LegHot {
    media::LegRewriter rewriter;
    Transport* transport = nullptr;
    std::uint64_t reserved_index = 0;  // no RTP index at or above it may be used before it is raised in the segment
    std::uint32_t ssrc = 0;
    bool awaiting_keyframe = false;
    bool switching = true;  // the next packet is the first of its source for this leg
    bool paused = false;
    bool strip_red = false;
    std::array<abi::LegPayload, abi::max_payloads> payloads{};
    std::uint64_t packets = 0;
    std::uint64_t octets = 0;  // payload only, as SR counts them
};
static_assert(sizeof(LegHot) == 128);

struct Leg {
    LegHot hot;
    abi::LegId id{};
    std::uint32_t slot = 0;
    std::uint32_t position = 0;  // in the view's list
    SourceView* view = nullptr;  // nullptr while there is no source
    Leg* next_of_transport = nullptr;
    abi::ExtensionIds extensions{};
    std::array<char, abi::max_mid> mid{};
    std::uint8_t mid_length = 0;
    abi::MediaKind kind = abi::MediaKind::none;
    std::uint32_t clock_rate = 0;
    std::uint32_t rtx_ssrc = 0;
    std::uint64_t rtx_index = 0;  // next to use
    std::uint64_t rtx_reserved = 0;
    std::int64_t rtt_ns = 0;
    // Packets below it went out with a header that this leg no longer writes: they cannot be sent again byte for byte.
    std::uint64_t header_since_index = 0;
    // RTX in bytes: enough for a burst of loss on a 4 Mbit/s stream, and no amplifier.
    TokenBucket rtx_budget{250'000, 128'000};
    std::uint8_t last_fir_sequence = 0;
    bool seen_fir = false;
    abi::LegSlot* counters = nullptr;
};

}  // namespace sluice::table
