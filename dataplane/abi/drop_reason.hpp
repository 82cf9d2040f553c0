// Every reason for which the data plane drops a packet: one list makes the enum, the names, the help texts,
// the metrics and the docs. X(name, severity, help). Severity: normal (expected on a healthy box), notice, fault.
// Append only: the order is the index in the state segment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// clang-format off
#define SLUICE_DROP_REASONS(X) \
    X(none,                    normal, "not dropped") \
    X(frame_truncated,         notice, "Ethernet, IP or UDP header does not fit the frame") \
    X(frame_bad_length,        notice, "IP or UDP length contradicts the frame") \
    X(frame_bad_checksum,      notice, "IPv4 header checksum is wrong, or the UDP checksum where the NIC verifies it") \
    X(frame_fragment,          notice, "IP fragment that nobody puts together") \
    X(frame_unsupported,       normal, "neither IP, ARP nor neighbour discovery, or an unknown protocol") \
    X(not_our_address,         normal, "destination address is not ours") \
    X(not_our_port,            normal, "UDP port that belongs to no worker") \
    X(local_limited,           notice, "ARP, ND or ICMP over its rate") \
    X(demux_unknown,           notice, "first byte is none of STUN, DTLS, RTP, RTCP (RFC 7983)") \
    X(stun_malformed,          notice, "STUN message does not parse") \
    X(stun_not_request,        notice, "STUN message that is no binding request") \
    X(stun_unknown_ufrag,      notice, "STUN check for a username fragment that is not programmed") \
    X(stun_bad_integrity,      notice, "STUN MESSAGE-INTEGRITY does not verify") \
    X(stun_limited,            notice, "STUN checks over the rate of their source or of the punt path") \
    X(dtls_unknown_flow,       notice, "DTLS from a 5-tuple that no STUN check has validated") \
    X(dtls_limited,            notice, "DTLS over the rate of the punt path") \
    X(punt_ring_full,          notice, "control plane does not drain the punt ring (it may be down)") \
    X(punt_too_long,           notice, "datagram too long for a punt slot") \
    X(inject_invalid,          fault,  "control plane injected a record that fails validation") \
    X(inject_no_transport,     normal, "injected packet for a transport that is gone") \
    X(rtp_unknown_flow,        notice, "RTP or RTCP from a 5-tuple that no transport has") \
    X(rtp_no_keys,             normal, "RTP or RTCP before the DTLS handshake gave keys") \
    X(rtp_malformed,           notice, "RTP header does not parse") \
    X(rtcp_malformed,          notice, "RTCP compound does not parse") \
    X(rtp_unknown_ssrc,        notice, "SSRC that matches no programmed source") \
    X(srtp_auth,               notice, "SRTP authentication failed") \
    X(srtp_replay,             normal, "SRTP index seen before, or too old") \
    X(srtcp_auth,              notice, "SRTCP authentication failed") \
    X(srtcp_replay,            normal, "SRTCP index seen before, or too old") \
    X(rtx_malformed,           notice, "RTX payload too short for the original sequence number") \
    X(rtx_padding,             normal, "RTX packet without payload: probing") \
    X(rtp_duplicate,           normal, "already received, by RTX or by the network") \
    X(rtp_padding_only,        normal, "no payload: probing or padding") \
    X(no_legs,                 normal, "nobody watches this source") \
    X(history_pool_empty,      fault,  "no buffer to hold an opened packet") \
    X(tx_pool_empty,           fault,  "no buffer for an egress packet") \
    X(tx_ring_full,            notice, "the port did not take the egress packet") \
    X(tx_over_mtu,             notice, "egress packet would exceed the path MTU") \
    X(tx_no_path,              normal, "the transport has no 5-tuple yet") \
    X(leg_no_payload_type,     normal, "the viewer cannot take this payload type") \
    X(leg_late,                normal, "packet older than the leg's switch to this source") \
    X(handover_full,           notice, "hand-over ring to the owning worker is full") \
    X(fanout_full,             notice, "source ring of another worker is full") \
    X(nack_not_in_history,     normal, "NACK for a packet that the history no longer holds") \
    X(nack_limited,            notice, "RTX over the leg's budget") \
    X(overload_shed,           notice, "shed by the overload ladder") \
    X(host_limited,            notice, "frame for the host port over its rate") \
    X(host_ring_full,          notice, "the kernel does not take frames of the host port") \
    X(host_not_for_us,         normal, "frame to another station's MAC, not for the host port either") \
    X(red_malformed,           notice, "RED payload without a primary block of the negotiated codec (RFC 2198)") \
    X(fragment_limited,        notice, "IP fragments over the rate of their source or of reassembly") \
    X(fragment_tiny,           notice, "IP fragment smaller than an honest sender makes them") \
    X(fragment_too_long,       notice, "IP fragments of a datagram that is too long, or in too many pieces") \
    X(fragment_duplicate,      normal, "IP fragment that was received before") \
    X(fragment_overlap,        notice, "IP fragments that overlap or contradict each other, with all of their datagram") \
    X(fragment_timeout,        normal, "IP fragments whose datagram was not whole in time") \
    X(seal_failed,             fault,  "the SRTP backend could not seal an egress packet") \
    X(fanout_overrun,          notice, "the port is slower than the source: its oldest packet left the ring before all viewers had it") \
    X(move_gap,                notice, "packets that the worker which a viewer moved to no longer had, or never had")
// clang-format on

namespace sluice::abi {

enum class DropReason : std::uint8_t {
#define SLUICE_X(name, severity, help) name,
    SLUICE_DROP_REASONS(SLUICE_X)
#undef SLUICE_X
        count
};

enum class DropSeverity : std::uint8_t { normal, notice, fault };

struct DropReasonInfo {
    std::string_view name;
    DropSeverity severity;
    std::string_view help;
};

inline constexpr std::size_t drop_reason_count = static_cast<std::size_t>(DropReason::count);
// Room in the state segment, so that reasons can be appended without moving anything.
inline constexpr std::size_t drop_reason_slots = 128;
static_assert(drop_reason_count <= drop_reason_slots);

inline constexpr std::array<DropReasonInfo, drop_reason_count> drop_reasons{{
#define SLUICE_X(name, severity, help) {#name, DropSeverity::severity, help},
    SLUICE_DROP_REASONS(SLUICE_X)
#undef SLUICE_X
}};

}  // namespace sluice::abi
