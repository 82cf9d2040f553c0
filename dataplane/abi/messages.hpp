// The control protocol between the planes: fixed-size messages over a unix SOCK_SEQPACKET socket, one message a record.
//
// Theory of operation. The control plane connects, says HELLO as programmer or observer and gets HELLO_REPLY with three
// descriptors (state segment, packet rings, wake eventfd; an observer gets only the first). UPSERT and REMOVE are idempotent
// and carry a 64-bit id and a generation; each is answered by one ACK with the same `seq`, sent only after every affected
// worker has applied it. Between TXN_BEGIN and TXN_COMMIT messages are staged and only the commit is acknowledged. DUMP
// answers with all objects as the same UPSERT messages, brought up to date with what the workers learned, and DUMP_END.
// SYNC_END removes every object whose generation is older than the one that SYNC_BEGIN named.
//
// Example, a viewer joins: TXN_BEGIN; UPSERT transport, leg audio, leg video; TXN_COMMIT -> ACK.
#pragma once

#include "dataplane/abi/types.hpp"

namespace sluice::abi {

enum class MessageType : std::uint16_t {
    none = 0,
    hello = 1,
    hello_reply = 2,
    ack = 3,
    upsert_transport = 16,
    upsert_source = 17,
    upsert_leg = 18,
    upsert_blob = 19,
    remove = 20,
    txn_begin = 32,
    txn_commit = 33,
    dump = 48,
    dump_end = 49,
    sync_begin = 50,
    sync_end = 51,
    request_keyframe = 64,
    event_path = 128,
    event_source_bound = 129,
    event_transport_silent = 130,
    event_bye = 131,
    event_fenced = 132,
    event_observation = 140,
    // Of observers. A data plane that does not know them refuses them as not_programmer.
    observe_start = 192,
    observe_started = 193,
    observe_stop = 194,
    subscribe = 195,
};

// Events come unasked and count on their own; everything else answers something, and repeats its seq.
[[nodiscard]] constexpr bool is_event(MessageType type) noexcept {
    return type >= MessageType::event_path && static_cast<std::uint16_t>(type) < 192;
}

struct MessageHeader {
    MessageType type = MessageType::none;
    std::uint16_t reserved = 0;
    std::uint32_t size = 0;   // of the whole record, this header included
    std::uint64_t seq = 0;    // chosen by the sender; an ACK repeats it; events count on their own
    std::uint64_t epoch = 0;  // of the programmer, from HELLO_REPLY; a stale one is refused
};
static_assert(sizeof(MessageHeader) == 24);

enum class ConnectionRole : std::uint8_t { observer = 0, programmer = 1 };

struct Hello {
    MessageHeader header{.type = MessageType::hello};
    std::uint16_t abi_min = abi_oldest;
    std::uint16_t abi_max = abi_current;
    ConnectionRole role = ConnectionRole::observer;
    std::uint8_t reserved[3]{};
};

struct PortInfo {
    std::array<std::uint8_t, 16> ip4{};  // mapped form; all zero = none
    std::array<std::uint8_t, 16> ip6{};
    std::uint16_t first_udp_port = 0;
    std::uint16_t mtu = 0;
    std::uint32_t reserved = 0;
};

struct HelloReply {
    MessageHeader header{.type = MessageType::hello_reply};
    std::uint16_t abi = 0;  // the version that this connection speaks; 0 = refused, see `status`
    std::uint16_t status = 0;
    std::uint32_t workers = 0;
    std::array<std::uint8_t, 16> boot_id{};  // new at each start of the data plane
    std::uint64_t epoch = 0;
    PortInfo port;
    std::uint32_t max_transports = 0;
    std::uint32_t max_sources = 0;
    std::uint32_t max_legs = 0;
    std::uint32_t allow_plaintext = 0;
    std::uint32_t size_transport = 0;  // sizes of this side's PODs, for the log and for the curious
    std::uint32_t size_source = 0;
    std::uint32_t size_leg = 0;
    std::uint32_t reserved = 0;
};

enum class Status : std::uint16_t {
    ok = 0,
    malformed = 1,
    unknown_type = 2,
    stale_epoch = 3,
    stale_generation = 4,
    not_programmer = 5,
    no_such_object = 6,  // a leg names a transport or source that does not exist
    capacity = 7,        // slab, legs-per-source or blob budget is full
    bad_worker = 8,
    bad_value = 9,
    sweep_refused = 10,  // SYNC_END would remove more than 20 % of the transports without force
    plaintext_refused = 11,
    abi_mismatch = 12,
    no_transaction = 13,
    not_permitted = 14,  // only root and the data plane's own user may look into packets
    busy = 15,           // another observer captures (or traces) already; or a transport is on its way between two workers
    not_movable = 16,    // a transport with sources stays with its worker
};

struct Ack {
    MessageHeader header{.type = MessageType::ack};  // seq of what is acknowledged
    Status status = Status::ok;
    std::uint16_t reserved[3]{};
    std::uint64_t object = 0;  // the id that failed, or 0
};

struct IceCredentials {
    std::array<char, ufrag_size> ufrag{};  // exactly 8 characters; all zero = none
    std::array<char, max_password> password{};
    std::uint8_t password_length = 0;
    std::uint8_t reserved[7]{};
};
static_assert(sizeof(IceCredentials) == 48);

struct MasterKeyPod {
    std::array<std::uint8_t, 16> key{};
    std::array<std::uint8_t, 14> salt{};  // GCM uses the first 12
    std::uint8_t reserved[2]{};
};

enum TransportFlags : std::uint16_t {
    transport_validated =
        1,  // one STUN check was verified by the control plane: from now on the worker answers checks itself
};

struct TransportSpec {
    MessageHeader header{.type = MessageType::upsert_transport};
    TransportId id = TransportId::none;
    std::uint32_t generation = 0;
    std::uint16_t worker = 0;  // whose UDP port the peer sends to; never changes
    std::uint16_t flags = 0;
    IceCredentials ice;
    IceCredentials previous_ice;  // still accepted during an ICE restart (RFC 8445 §9)
    FlowAddress path;             // where egress goes; empty until known
    CryptoSuite suite = CryptoSuite::none;
    std::uint8_t reserved = 0;
    // 1 + the worker that serves it with all its legs, which may be another than the port's; naming another moves it. The
    // ACK does not wait for that: TransportSlot says who has it. 0: it stays where it is; a new one with the port's worker.
    std::uint16_t owner = 0;
    std::uint8_t reserved2[4]{};
    MasterKeyPod rx_key;
    MasterKeyPod tx_key;
    ExtensionIds rx_extensions{};   // as negotiated for what this peer sends
    std::array<char, 16> cname{};   // RTCP SDES CNAME that we send (RFC 7022)
    std::uint32_t srtcp_start = 0;  // first SRTCP index to use (31 bits); from the reservation after a restart
    std::uint32_t sender_ssrc = 1;  // SSRC of our RTCP feedback when we send no media
};

struct SourcePayload {
    std::uint8_t payload_type = 0xff;  // 0xff = unused entry
    std::uint8_t rtx_payload_type = 0xff;
    CodecId codec = CodecId::none;
    std::uint8_t reserved = 0;
    std::uint32_t clock_rate = 0;  // Hz
};

enum SourceFlags : std::uint16_t {
    source_nack = 1,  // the publisher answers generic NACK
    source_pli = 2,
    source_fir = 4,
    source_transport_cc = 8,  // the publisher wants transport-wide feedback
};

struct SourceSpec {
    MessageHeader header{.type = MessageType::upsert_source};
    SourceId id = SourceId::none;
    TransportId transport = TransportId::none;
    std::uint32_t generation = 0;
    MediaKind kind = MediaKind::none;
    std::uint8_t mid_length = 0;
    std::uint8_t rid_length = 0;
    std::uint8_t reserved = 0;
    std::uint32_t ssrc = 0;      // 0 = learn it by mid/rid extension or by payload type
    std::uint32_t rtx_ssrc = 0;  // 0 = learn it by repaired rid or by payload type
    std::uint16_t flags = 0;
    std::uint16_t reserved2 = 0;
    std::uint32_t reserved3 = 0;
    std::array<char, max_mid> mid{};
    std::array<char, max_mid> rid{};
    std::array<SourcePayload, max_payloads> payloads{};
    // Highest 48-bit packet index received so far, from SourceSlot after a restart: it carries the publisher's ROC. 0 =
    // unknown.
    std::uint64_t rx_index = 0;
    std::uint64_t rtx_rx_index = 0;
};

struct LegPayload {
    std::uint8_t payload_type = 0xff;  // 0xff = this viewer cannot take that payload of the source
    std::uint8_t rtx_payload_type = 0xff;
    friend bool operator==(const LegPayload&, const LegPayload&) = default;
};

enum LegFlags : std::uint16_t {
    leg_paused = 1,
    leg_strip_red = 2,  // this viewer takes no RED: it is sent the primary block alone, as the payload type given for RED
};

struct LegSpec {
    MessageHeader header{.type = MessageType::upsert_leg};
    LegId id = LegId::none;
    SourceId source = SourceId::none;           // may change: the publisher came back, or another layer was chosen
    TransportId transport = TransportId::none;  // never changes
    std::uint32_t generation = 0;
    MediaKind kind = MediaKind::none;
    std::uint8_t mid_length = 0;
    std::uint16_t flags = 0;
    std::uint32_t ssrc = 0;
    std::uint32_t rtx_ssrc = 0;     // 0 = no RTX
    std::uint64_t start_index = 0;  // first 48-bit RTP packet index (ROC << 16 | seq); from the reservation after a restart
    std::uint64_t rtx_start_index = 0;  // the same for the RTX stream
    std::uint32_t start_timestamp = 0;
    std::uint32_t clock_rate = 0;
    std::array<char, max_mid> mid{};
    ExtensionIds tx_extensions{};                     // as negotiated for what this viewer receives
    std::array<LegPayload, max_payloads> payloads{};  // parallel to the source's `payloads`
};

// An opaque versioned record that the data plane keeps for the control plane.
struct BlobSpec {
    MessageHeader header{.type = MessageType::upsert_blob};
    std::uint64_t id = 0;
    std::uint64_t owner = 0;
    std::uint32_t generation = 0;
    std::uint16_t kind = 0;
    std::uint16_t version = 0;
    std::uint32_t length = 0;  // <= max_blob; the bytes follow this struct in the record
    std::uint32_t reserved = 0;
};

struct Remove {
    MessageHeader header{.type = MessageType::remove};
    std::uint64_t id = 0;
    std::uint32_t generation = 0;
    ObjectKind kind = ObjectKind::none;
    std::uint8_t reserved[3]{};
};

struct TxnBegin {
    MessageHeader header{.type = MessageType::txn_begin};
};
struct TxnCommit {
    MessageHeader header{.type = MessageType::txn_commit};
};
struct Dump {
    MessageHeader header{.type = MessageType::dump};
};
struct DumpEnd {
    MessageHeader header{.type = MessageType::dump_end};
    std::uint64_t objects = 0;
};
struct SyncBegin {
    MessageHeader header{.type = MessageType::sync_begin};
    std::uint32_t generation = 0;
    std::uint32_t reserved = 0;
};
struct SyncEnd {
    MessageHeader header{.type = MessageType::sync_end};
    std::uint32_t generation = 0;  // every object below this generation is removed
    std::uint32_t force = 0;       // 1: also when that is over 20 % of the transports
};

struct RequestKeyframe {
    MessageHeader header{.type = MessageType::request_keyframe};
    SourceId source = SourceId::none;
};

// A worker saw an authenticated packet or check from a new 5-tuple and sends there from now on.
struct EventPath {
    MessageHeader header{.type = MessageType::event_path};
    TransportId transport = TransportId::none;
    FlowAddress path;
};

// A worker learned which SSRC a programmed source uses.
struct EventSourceBound {
    MessageHeader header{.type = MessageType::event_source_bound};
    SourceId source = SourceId::none;
    std::uint32_t ssrc = 0;
    std::uint32_t rtx_ssrc = 0;
    std::uint8_t payload_type = 0;
    std::uint8_t reserved[7]{};
};

// No authenticated packet and no valid check for `silent_ms` (RFC 7675: 30 s end consent). Repeated each 5 s.
struct EventTransportSilent {
    MessageHeader header{.type = MessageType::event_transport_silent};
    TransportId transport = TransportId::none;
    std::uint32_t silent_ms = 0;
    std::uint32_t reserved = 0;
};

// RTCP BYE for a source.
struct EventBye {
    MessageHeader header{.type = MessageType::event_bye};
    SourceId source = SourceId::none;
};

// Another programmer took over; this connection is closed after the message.
struct EventFenced {
    MessageHeader header{.type = MessageType::event_fenced};
};

// Capture and trace, for observers with root's uid or the data plane's own. Neither shows a key or a blob.
enum class ObserveKind : std::uint8_t {
    none = 0,
    capture = 1,    // frames as on the wire
    plaintext = 2,  // the same, but media as opened and before it is sealed; audited
    trace = 3,
};

inline constexpr std::size_t max_observed = 64;
inline constexpr std::uint16_t every_worker = 0xffff;

// Starts one; it ends with OBSERVE_STOP, or with the connection. One capture (of either kind) and one trace at a time.
struct ObserveStart {
    MessageHeader header{.type = MessageType::observe_start};
    ObserveKind kind = ObserveKind::none;
    std::uint8_t reserved = 0;
    std::uint16_t worker = every_worker;
    std::uint32_t snaplen = 0;  // bytes kept of a frame; 0 = all
    std::uint32_t count = 0;    // of `transports`; 0 = everything
    std::uint32_t reserved2 = 0;
    std::array<std::uint64_t, max_observed> transports{};
};

// The answer, once every worker shows: with the descriptor of the rings (capture_ring.hpp), writable for `tail`.
// Refused: `status`, and no descriptor.
struct ObserveStarted {
    MessageHeader header{.type = MessageType::observe_started};  // seq of ObserveStart
    Status status = Status::ok;
    ObserveKind kind = ObserveKind::none;
    std::uint8_t reserved = 0;
    std::uint32_t workers = 0;
    std::uint32_t ring_bytes = 0;  // data of each worker's ring
    std::uint32_t holder_pid = 0;  // refused as busy: who has it
};

// Acknowledged when no worker writes any more: what the rings hold then is all there is.
struct ObserveStop {
    MessageHeader header{.type = MessageType::observe_stop};
    ObserveKind kind = ObserveKind::none;
    std::uint8_t reserved[7]{};
};

// From now on this observer is sent the events that the programmer is sent, EVENT_FENCED excepted.
struct Subscribe {
    MessageHeader header{.type = MessageType::subscribe};
};

// Somebody began or ended to look into packets.
struct EventObservation {
    MessageHeader header{.type = MessageType::event_observation};
    ObserveKind kind = ObserveKind::none;
    std::uint8_t started = 0;  // 0 = ended
    std::uint16_t worker = every_worker;
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::uint32_t count = 0;      // of the transports that it is restricted to; 0 = none
    std::uint64_t transport = 0;  // the first of them
};

inline constexpr std::size_t max_message = sizeof(BlobSpec) + max_blob;

}  // namespace sluice::abi
