// What capture and trace are shown. Nothing here runs unless one of them is on: the stages test a pointer, and that is all.
//
// Theory of operation. Frames are copied where they pass: received ones before anything is decided about them (by the worker
// that will handle them), sent ones with the burst that the port took. A frame belongs to the transport that its 5-tuple, or
// the username of its STUN check, leads to. For a plaintext capture media is shown where it is in the clear instead: after
// open, before seal, under headers as on the wire. Trace events name their transport; a drop in the receive stages belongs
// to the transport of the datagram that is being looked at (subject_).

#include <rte_mbuf.h>

#include "dataplane/wire/demux.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

bool is_media(ByteView payload) noexcept {
    return !payload.empty() && wire::first_byte_class(payload[0]) == wire::PacketClass::rtp;
}

ByteView bytes_in(const rte_mbuf* mbuf) noexcept {
    return {rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len};
}

// Of a STUN check.
std::optional<std::uint64_t> ufrag_in(ByteView payload) noexcept {
    if (payload.empty() || wire::first_byte_class(payload[0]) != wire::PacketClass::stun) return std::nullopt;
    const auto check = wire::StunView::parse(payload);
    const auto username = check ? check->username() : std::nullopt;
    if (!username || username->size() < abi::ufrag_size) return std::nullopt;
    return table::ufrag_key(*username);
}

}  // namespace

// Whose datagram this is, before anybody has authenticated it.
const table::Transport* Worker::subject_of(const table::FlowKey& key, ByteView payload) const noexcept {
    if (const table::Transport* t = table_.by_flow(key)) return t;
    const auto ufrag = ufrag_in(payload);
    return ufrag ? table_.by_ufrag(*ufrag) : nullptr;
}

// The owner of its transport has it in its port's stead.
bool Worker::goes_elsewhere(const table::FlowKey& key, ByteView payload) const noexcept {
    if (const auto ufrag = ufrag_in(payload)) return table_.owner_of_ufrag(*ufrag).has_value();
    return table_.owner_of_flow(key).has_value();
}

void Worker::capture_received(ByteView frame, std::uint16_t from) noexcept {
    telemetry::Tap& tap = *capture_;
    std::uint64_t transport = 0;
    if (const auto datagram = wire::parse_udp_frame(frame)) {
        const std::uint16_t port = datagram->destination.port;
        const table::FlowKey key{datagram->source.address.bytes, datagram->source.port, port};
        const ByteView payload = datagram->payload(frame);
        // The worker that it is handed to shows it.
        if (ours(datagram->destination.address)) {
            const std::uint16_t owner = port_worker(port);
            if (owner != config_.id ? owner != from : goes_elsewhere(key, payload)) return;
        }
        if (tap.plaintext() && is_media(payload)) return;
        const auto* t = subject_of(key, payload);
        if (t != nullptr) transport = static_cast<std::uint64_t>(t->id);
    }
    if (!tap.wants(transport)) return;
    tap.frame(abi::CaptureKind::frame, abi::Direction::rx, transport, frame, unix_ns());
    tap.ring().publish();
}

// Copies the batch that is about to go out; capture_sent() takes back what the port refused, and shows the rest.
void Worker::capture_sending() noexcept {
    static_assert(tx_batch + tx_reserve <= telemetry::Tap::max_burst);
    telemetry::Tap& tap = *capture_;
    const std::int64_t now = config_.clock.to_unix_ns(config_.clock.now_ns());
    for (std::uint16_t i = 0; i < tx_count_; ++i) {
        tap.marks[i] = tap.ring().mark();
        const ByteView frame = bytes_in(tx_[i]);
        std::uint64_t transport = 0;
        if (const auto datagram = wire::parse_udp_frame(frame)) {
            if (tap.plaintext() && is_media(datagram->payload(frame))) continue;
            const auto* t =
                table_.by_flow({datagram->destination.address.bytes, datagram->destination.port, datagram->source.port});
            if (t != nullptr) transport = static_cast<std::uint64_t>(t->id);
        }
        if (tap.wants(transport)) tap.frame(abi::CaptureKind::frame, abi::Direction::tx, transport, frame, now);
    }
    tap.marks[tx_count_] = tap.ring().mark();
}

void Worker::capture_sent(std::uint16_t sent) noexcept {
    capture_->ring().rewind(capture_->marks[sent]);
    capture_->ring().publish();
}

void Worker::capture_opened(const table::Transport& t, const Datagram& datagram, ByteView plaintext) noexcept {
    if (!capture_->plaintext()) return;
    const wire::UdpDatagram& frame = *datagram.frame;
    const auto path = wire::UdpTemplate::make({frame.source_mac, frame.destination_mac, frame.source, frame.destination,
                                               frame.vlan, frame.ttl == 0 ? std::uint8_t{64} : frame.ttl, frame.dscp});
    if (path) capture_plaintext(t, abi::Direction::rx, *path, plaintext, {});
}

void Worker::capture_plaintext(const table::Transport& t, abi::Direction direction, const wire::UdpTemplate& path,
                               ByteView head, ByteView rest) noexcept {
    telemetry::Tap& tap = *capture_;
    const auto id = static_cast<std::uint64_t>(t.id);
    if (!tap.plaintext() || !tap.wants(id)) return;
    const std::size_t size = path.header_length() + head.size() + rest.size();
    if (size > tap.scratch.size()) return;
    std::uint8_t* at = tap.scratch.data();
    std::memcpy(at + path.header_length(), head.data(), head.size());
    if (!rest.empty()) std::memcpy(at + path.header_length() + head.size(), rest.data(), rest.size());
    const auto payload = static_cast<std::uint16_t>(head.size() + rest.size());
    path.stamp(at, payload);
    path.fill_udp_checksum(at, payload);
    tap.frame(abi::CaptureKind::opened, direction, id, {at, size}, unix_ns());
    tap.ring().publish();
}

// A batch on its way into the seal.
void Worker::observe_sealing(const EgressBatch& batch, std::uint16_t count) noexcept {
    for (std::uint16_t i = 0; i < count; ++i) {
        const srtp::SealJob& job = batch.jobs[i];
        const table::Leg& leg = *batch.legs[i];
        const table::Transport& t = *batch.transports[i];
        if (capture_ != nullptr)
            capture_plaintext(t, abi::Direction::tx, t.hot.path, {job.dst, job.header_len}, {job.payload, job.payload_len});
        const auto id = static_cast<std::uint64_t>(leg.id);
        if ((batch.first >> i & 1) != 0)
            trace(t.id, abi::TraceKind::leg_started, id,
                  {job.ssrc, job.dst[1] & 0x7fu, static_cast<std::uint16_t>(job.index)});
        if (batch.packets[i]->keyframe_start && leg.kind == abi::MediaKind::video)
            trace(t.id, abi::TraceKind::keyframe_sent, id, {job.ssrc, static_cast<std::uint16_t>(job.index)});
    }
}

void Worker::trace_out(abi::TransportId transport, abi::TraceKind kind, std::uint64_t object,
                       const std::array<std::uint32_t, abi::trace_values>& values, const abi::FlowAddress* flow) noexcept {
    const auto id = static_cast<std::uint64_t>(transport);
    if (!trace_->wants(id)) return;
    abi::TraceRecord event;
    event.kind = kind;
    event.object = object;
    event.values = values;
    if (flow != nullptr) event.flow = *flow;
    trace_->trace(id, event, unix_ns());
}

void Worker::trace_drop(const table::Transport* t, DropReason reason, std::uint64_t count) noexcept {
    if (t == nullptr || reason == DropReason::none) return;
    trace_out(t->id, abi::TraceKind::dropped, 0, {static_cast<std::uint32_t>(reason), static_cast<std::uint32_t>(count)},
              nullptr);
}

// A frame that the port had no room for.
void Worker::trace_unsent(const rte_mbuf* mbuf) noexcept {
    const auto datagram = wire::parse_udp_frame(bytes_in(mbuf));
    if (!datagram) return;
    trace_drop(table_.by_flow({datagram->destination.address.bytes, datagram->destination.port, datagram->source.port}),
               DropReason::tx_ring_full, 1);
}

}  // namespace sluice::worker
