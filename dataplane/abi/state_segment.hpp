// The state segment: a memfd that the data plane writes and everybody else maps read-only. Counters, heartbeats and
// the reservations that keep SRTP indices from ever being used twice across a restart of the data plane.
//
// Theory of operation. Fixed layout, one writer (the owning worker, or main for the header and ports) per region. Counters
// are plain 64-bit words; readers may see them mid-update of each other, never torn. A slot's `id` is stored last with
// release when the object is installed and zeroed first when it is retired, so a reader that sees the same id before and
// after a copy has a consistent object. The segment outlives its writer: the control plane (or the
// supervisor's fd store) keeps the mapping and reads the reservations of a dead data plane from it.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/abi/drop_reason.hpp"
#include "dataplane/abi/types.hpp"

namespace sluice::abi {

inline constexpr std::uint64_t segment_magic = 0x0031'4543'4955'4c53;  // "SLUICE1"
inline constexpr std::size_t stage_slots = 15;                         // the 16th's room went to the counters behind them
inline constexpr std::size_t histogram_slots = 40;

// X(name): the stages of a worker, in the order in which a packet meets them.
#define SLUICE_STAGES(X) \
    X(rx) X(local) X(stun) X(punt) X(rtcp) X(open) X(fanout) X(seal) X(tx) X(timers) X(commands) X(inject) X(host)

enum class Stage : std::uint8_t {
#define SLUICE_X(name) name,
    SLUICE_STAGES(SLUICE_X)
#undef SLUICE_X
        count
};
static_assert(static_cast<std::size_t>(Stage::count) <= stage_slots);

inline constexpr const char* stage_names[] = {
#define SLUICE_X(name) #name,
    SLUICE_STAGES(SLUICE_X)
#undef SLUICE_X
};

struct StageCounters {
    std::uint64_t calls;
    std::uint64_t packets;
    std::uint64_t cycles;
};

struct alignas(64) WorkerBlock {
    std::uint64_t loops;         // heartbeat: bumped every iteration
    std::uint64_t busy_cycles;   // cycles of iterations that did something
    std::uint64_t total_cycles;  // cycles since the start, idle ones included
    std::uint64_t rx_packets;
    std::uint64_t rx_bytes;
    std::uint64_t tx_packets;
    std::uint64_t tx_bytes;
    std::uint64_t rtp_in;
    std::uint64_t rtp_out;
    std::uint64_t rtx_out;
    std::uint64_t punted;
    std::uint64_t injected;
    std::uint64_t stun_answered;
    std::uint64_t handed_over;
    std::uint64_t commands;
    std::uint64_t transports;
    std::uint64_t legs;
    std::uint64_t history_free;
    std::uint64_t history_total;
    std::uint64_t events_lost;  // the ring to main was full; what matters of them is sent again
    std::uint64_t fragments;    // IP fragments handed to main
    std::uint64_t reassembled;  // datagrams that came back whole
    std::uint64_t catch_ups;    // newcomers who were sent the last keyframe from the source ring
    std::uint64_t tx_full;      // bursts that the port or its rate did not take whole: what is left waits
    StageCounters stages[stage_slots];
    std::uint64_t moved_in;   // transports that came from another worker
    std::uint64_t moved_out;  // that went to another one
    std::uint64_t handed_on;  // datagrams handed to whom their transport is with, behind the check of their port
    std::uint64_t drops[drop_reason_slots];
    std::uint64_t loop_ns[histogram_slots];     // log2 of ns per busy iteration
    std::uint64_t latency_ns[histogram_slots];  // log2 of ns from rx burst to tx burst, per egress RTP packet
};

// What the port does by itself. Append only: readers name the bits that they know.
enum PortOffload : std::uint64_t {
    offload_ipv4_checksum = 1,  // of egress
    offload_udp_checksum = 2,
    offload_rte_flow = 4,  // each worker's UDP port is steered to its queue
    offload_fast_free = 8,
    offload_rx_ipv4_checksum = 16,  // of ingress
    offload_rx_udp_checksum = 32,
};

struct alignas(64) PortBlock {
    std::uint64_t rx_packets;
    std::uint64_t rx_bytes;
    std::uint64_t tx_packets;
    std::uint64_t tx_bytes;
    std::uint64_t rx_missed;
    std::uint64_t rx_errors;
    std::uint64_t tx_errors;
    std::uint64_t rx_nombuf;
    char name[32];
    std::uint8_t mac[6];
    std::uint16_t mtu;
    std::uint32_t link_mbps;
    std::uint64_t offloads;      // PortOffload bits
    std::uint64_t to_host;       // host port: frames that the kernel took
    std::uint64_t from_host;     // frames that it sent
    std::uint64_t host_refused;  // frames that it did not take: the interface is down
    std::uint64_t egress_mbps;   // what egress is paced to; 0: as fast as the port takes it
    std::uint64_t reserved[3];
};

struct alignas(64) TransportSlot {
    std::atomic<std::uint64_t> id;
    std::uint64_t rx_packets;
    std::uint64_t rx_bytes;
    std::uint64_t tx_packets;
    std::uint64_t tx_bytes;
    std::uint64_t stun_checks;
    std::uint64_t auth_failures;
    std::uint64_t replays;
    std::int64_t last_rx_unix_ns;
    std::uint64_t path_switches;
    std::atomic<std::uint64_t> srtcp_reserved;  // no SRTCP index at or above it was used
    std::uint32_t worker;                       // that serves it
    std::uint32_t rtt_us;
    std::uint64_t port_worker;  // whose UDP port the peer sends to
    std::uint64_t reserved[3];
};

struct alignas(64) SourceSlot {
    std::atomic<std::uint64_t> id;
    std::uint64_t packets;
    std::uint64_t bytes;
    std::uint64_t lost;       // RFC 3550 cumulative
    std::uint64_t recovered;  // by RTX
    std::uint64_t duplicates;
    std::uint64_t keyframes;
    std::uint64_t nacks_sent;  // sequence numbers asked for
    std::uint64_t keyframe_requests;
    std::int64_t last_keyframe_unix_ns;
    std::uint32_t ssrc;
    std::uint32_t rtx_ssrc;
    std::uint32_t jitter;  // in clock units
    std::uint8_t payload_type;
    std::uint8_t codec;
    std::uint16_t width;  // of the last keyframe, 0 = unknown
    std::uint16_t height;
    std::uint16_t reserved0;
    std::uint32_t reserved1;
    std::atomic<std::uint64_t> rx_index;  // highest 48-bit packet index received: the publisher's ROC survives us here
    std::atomic<std::uint64_t> rtx_rx_index;
    std::uint64_t reserved;
};

struct alignas(64) LegSlot {
    std::atomic<std::uint64_t> id;
    std::uint64_t packets;
    std::uint64_t bytes;
    std::uint64_t rtx_packets;
    std::uint64_t nacks;  // sequence numbers asked for by the viewer
    std::uint64_t nack_misses;
    std::uint64_t keyframe_requests;
    std::atomic<std::uint64_t> rtp_reserved;  // no RTP packet index at or above it was used
    std::atomic<std::uint64_t> rtx_reserved;
    std::uint32_t fraction_lost;  // of the viewer's last receiver report, 0..255
    std::uint32_t cumulative_lost;
    std::uint32_t jitter;
    std::uint32_t rtt_us;
    std::uint64_t remb_bps;
    std::uint64_t source;  // id of the source that it follows
    // The RTP clock survives a restart here: what was sent last, and when (main's clock, refreshed with each packet).
    std::int64_t last_unix_ns;
    std::uint32_t last_timestamp;
    std::uint32_t reserved0;
    std::uint64_t reserved;
};
static_assert(sizeof(TransportSlot) == 128 && sizeof(SourceSlot) == 128 && sizeof(LegSlot) == 128);

// Indices are reserved in steps of this many; the gap after a restart stays far below 2^15, so receivers guess the ROC
// right.
inline constexpr std::uint64_t reservation_step = 512;

struct alignas(64) SegmentHeader {
    std::uint64_t magic;
    std::uint32_t abi;
    std::uint32_t workers;
    std::array<std::uint8_t, 16> boot_id;
    std::uint64_t size;
    std::uint64_t tsc_hz;
    std::int64_t start_unix_ns;
    std::atomic<std::uint64_t> heartbeat;  // main lcore: bumped every 10 ms
    std::uint32_t pid;
    std::uint32_t ports;
    std::uint32_t max_transports;
    std::uint32_t max_sources;
    std::uint32_t max_legs;
    std::uint32_t worker_stride;
    std::uint64_t worker_offset;
    std::uint64_t port_offset;
    std::uint64_t transport_offset;
    std::uint64_t source_offset;
    std::uint64_t leg_offset;
    std::uint64_t blobs;
    std::uint64_t blob_bytes;
    std::uint64_t blob_budget;
    char sealer[24];
    std::uint64_t reserved[8];
};

}  // namespace sluice::abi
