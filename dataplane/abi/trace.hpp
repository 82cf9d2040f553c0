// What a trace tells of a transport: one list makes the enum, the names, the texts and the JSON fields.
// X(name, help, object, value...): `object` is what TraceRecord::object identifies ("" = nothing), `value` names each of
// TraceRecord::values that the event uses. Append only: the order is the number in the ring.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/abi/types.hpp"

// clang-format off
#define SLUICE_TRACE_EVENTS(X) \
    X(none,             "nothing", "") \
    X(keys_installed,   "the DTLS handshake gave SRTP keys", "", "suite") \
    X(stun_answered,    "a check verified and was answered", "", "use_candidate") \
    X(stun_punted,      "a check went to the control plane", "", "bytes") \
    X(dtls_punted,      "a DTLS datagram went to the control plane", "", "bytes") \
    X(injected,         "a datagram of the control plane was sent", "", "bytes") \
    X(path_switched,    "egress goes to another 5-tuple from now on", "") \
    X(silent,           "nothing authenticated came for a while", "", "silent_ms") \
    X(source_started,   "first RTP of a source", "source", "ssrc", "payload_type", "sequence", "rtx") \
    X(keyframe,         "a keyframe came in", "source", "ssrc", "sequence", "width", "height") \
    X(rtx_received,     "the publisher sent again what was lost", "source", "ssrc", "sequence") \
    X(nack_sent,        "the publisher was asked for lost packets", "source", "ssrc", "first", "count") \
    X(keyframe_asked,   "the publisher was asked for a keyframe", "source", "ssrc", "fir") \
    X(rr_sent,          "receiver report to the publisher, once a second or on loss", "source", "ssrc", "fraction_lost", "lost", "jitter") \
    X(sr_received,      "sender report of the publisher", "source", "ssrc", "rtp_timestamp", "packets", "octets") \
    X(bye,              "RTCP BYE", "source", "ssrc") \
    X(leg_started,      "first RTP to the viewer", "leg", "ssrc", "payload_type", "sequence") \
    X(keyframe_sent,    "a keyframe went out", "leg", "ssrc", "sequence") \
    X(nack_asked,       "the viewer asked for a packet again", "leg", "ssrc", "sequence") \
    X(nack_answered,    "it was sent again", "leg", "ssrc", "sequence", "as_rtx", "rtx_sequence") \
    X(nack_missed,      "it could not be sent again", "leg", "ssrc", "sequence") \
    X(pli,              "the viewer asked for a keyframe", "leg", "ssrc") \
    X(fir,              "the viewer asked for a keyframe (FIR)", "leg", "ssrc", "command") \
    X(rr_received,      "receiver report of the viewer", "leg", "ssrc", "fraction_lost", "lost", "jitter", "rtt_us") \
    X(remb,             "the viewer's bandwidth estimate", "leg", "ssrc", "kbps") \
    X(sr_sent,          "sender report to the viewer", "leg", "ssrc", "rtp_timestamp", "packets", "octets") \
    X(dropped,          "packets of the transport were dropped", "", "reason", "count") \
    X(moved,            "another worker serves the transport from now on", "", "from", "to")
// clang-format on

namespace sluice::abi {

enum class TraceKind : std::uint16_t {
#define SLUICE_X(name, ...) name,
    SLUICE_TRACE_EVENTS(SLUICE_X)
#undef SLUICE_X
        count
};

inline constexpr std::size_t trace_values = 6;

struct TraceRecord {
    TraceKind kind = TraceKind::none;
    std::uint16_t reserved = 0;
    std::uint32_t reserved2 = 0;
    std::uint64_t object = 0;
    std::array<std::uint32_t, trace_values> values{};
    FlowAddress flow;  // empty where the event has none
};
static_assert(sizeof(TraceRecord) == 88);

struct TraceInfo {
    std::string_view name;
    std::string_view help;
    std::string_view object;
    std::array<std::string_view, trace_values> values;
};

inline constexpr std::array<TraceInfo, static_cast<std::size_t>(TraceKind::count)> trace_events{{
#define SLUICE_X(name, help, object, ...) TraceInfo{#name, help, object, {__VA_ARGS__}},
    SLUICE_TRACE_EVENTS(SLUICE_X)
#undef SLUICE_X
}};

}  // namespace sluice::abi
