// A leg: one source on its way to one viewer, owned by the viewer's worker. LegHot is what every egress packet touches.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/abi/messages.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/base/token_bucket.hpp"
#include "dataplane/media/leg_rewriter.hpp"
#include "dataplane/table/leg_format.hpp"

namespace sluice::table {

struct Transport;
struct SourceView;
struct Leg;

// Why a leg is not sent what its group is sent. 0: it is level.
enum LegState : std::uint8_t {
    leg_state_paused = 1,
    leg_state_awaiting_keyframe = 2,
    leg_state_switching = 4,    // the next packet is the first of its source for this leg
    leg_state_catching_up = 8,  // has a cursor of its own, see stage_catch_up.cpp
};

// Counts modulo 2^32, as sender reports do; what the state segment shows is brought up by the difference, see publish().
struct alignas(64) LegHot {
    media::LegRewriter rewriter;
    Transport* transport = nullptr;
    std::uint64_t reserved_index = 0;  // no RTP index at or above it may be used before it is raised in the segment
    abi::LegSlot* counters = nullptr;
    std::uint32_t ssrc = 0;
    std::uint8_t state = leg_state_switching;
    std::uint8_t format = FormatTable::own;  // of the view's
    std::array<std::uint8_t, 2> reserved{};
    std::array<char, abi::max_mid> mid{};  // zeros behind it
    std::uint32_t packets = 0;
    std::uint32_t octets = 0;  // payload only, as SR counts them
    std::uint32_t bytes = 0;   // of sealed packets
    std::uint32_t last_timestamp = 0;

    [[nodiscard]] bool is(LegState s) const noexcept { return (state & s) != 0; }
    void set(LegState s, bool on) noexcept { state = static_cast<std::uint8_t>(on ? state | s : state & ~s); }
    // Owning worker, now and then: `unix_ns` is when the last packet was sent.
    void publish(std::int64_t unix_ns) noexcept {
        counters->packets += static_cast<std::uint32_t>(packets - static_cast<std::uint32_t>(counters->packets));
        counters->bytes += static_cast<std::uint32_t>(bytes - static_cast<std::uint32_t>(counters->bytes));
        counters->last_timestamp = last_timestamp;
        counters->last_unix_ns = unix_ns;
    }
};
static_assert(sizeof(LegHot) == 128);

// In a view's list, in fan-out order: what is needed to ask the cache for a leg before its turn.
struct LegRef {
    Leg* leg;
    Transport* transport;
};

struct Leg {
    LegHot hot;
    abi::LegId id{};
    std::uint32_t slot = 0;
    std::uint32_t position = 0;  // in the view's list
    SourceView* view = nullptr;  // nullptr while there is no source
    Leg* next_of_transport = nullptr;
    LegFormat format;
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
    std::int64_t keyframe_ns = 0;  // when it was last sent the first packet of one
    std::uint8_t last_fir_sequence = 0;
    bool seen_fir = false;

    // While it catches up: the next position in the view's ring, and when it began. In the worker's list of these.
    std::uint64_t catch_position = 0;
    std::uint64_t catch_from_tsc = 0;  // arrival of the first packet that it is sent
    std::uint64_t catch_since_tsc = 0;
    // After a move, until the packet that it is to go on with has come to this worker: its MediaPacket::order.
    std::uint64_t resume_order = 0;
    bool resuming = false;
    Leg* catch_next = nullptr;
    Leg* catch_previous = nullptr;
};

}  // namespace sluice::table
