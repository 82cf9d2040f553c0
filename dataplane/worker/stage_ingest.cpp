// SRTP from publishers: look-up, replay check, open, parse once, publish to the views.

#include "dataplane/media/frame_info.hpp"
#include "dataplane/media/red.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

using abi::Extension;

constexpr auto slot(Extension e) noexcept {
    return static_cast<std::size_t>(e);
}

std::string_view text_of(const std::array<char, abi::max_mid>& bytes, std::uint8_t length) noexcept {
    return {bytes.data(), length < abi::max_mid ? length : abi::max_mid};
}

std::optional<std::string_view> text_extension(const wire::RtpView& rtp, std::uint8_t id) noexcept {
    if (id == 0) return std::nullopt;
    const auto value = rtp.find_extension(id);
    if (!value) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(value->data()), value->size());
}

// Packets of a source; also with each receiver report.
constexpr std::uint32_t source_publish_every = 64;

// Signed distance in ROCs to try for an SSRC whose history we do not know: a data plane before us knew it.
constexpr int roc_tries = 3;

}  // namespace

// Which source an unknown SSRC belongs to: by rid or repaired rid, then by mid, then by payload type. The packet's
// header is not authenticated yet; the binding is made only after it opens.
table::Publishing::Binding* Worker::bind_ssrc(table::Transport& t, const wire::RtpView& rtp) noexcept {
    if (t.publishing == nullptr || t.publishing->binding_count == table::Publishing::max_bindings) return nullptr;
    table::Publishing& p = *t.publishing;
    const auto mid = text_extension(rtp, t.rx_extensions[slot(Extension::mid)]);
    const auto rid = text_extension(rtp, t.rx_extensions[slot(Extension::rid)]);
    const auto repaired = text_extension(rtp, t.rx_extensions[slot(Extension::repaired_rid)]);
    for (std::uint8_t i = 0; i < p.source_count; ++i) {
        table::Source& s = *p.sources[i];
        const bool media = s.payload_index(rtp.payload_type()) < abi::max_payloads;
        const bool rtx = !media && s.rtx_payload_index(rtp.payload_type()) < abi::max_payloads;
        if (!media && !rtx) continue;
        if ((media ? s.spec.ssrc : s.spec.rtx_ssrc) != 0) continue;  // declared or learned already
        if (mid && s.spec.mid_length != 0 && *mid != text_of(s.spec.mid, s.spec.mid_length)) continue;
        if (s.spec.rid_length != 0) {
            const auto& named = rtx ? repaired : rid;
            if (!named || *named != text_of(s.spec.rid, s.spec.rid_length)) continue;
        }
        // Not counted in binding_count until the packet opened.
        table::Publishing::Binding& b = p.bindings[p.binding_count];
        b = {rtp.ssrc(), rtx, &s};
        return &b;
    }
    return nullptr;
}

void Worker::stage_rtp(const Datagram& datagram) noexcept {
    StageTimer timer(*this, Stage::open);
    timer.packets = 1;
    table::Transport* t = table_.by_flow(datagram.key);
    if (t == nullptr) return elsewhere(datagram, table_.owner_of_flow(datagram.key), DropReason::rtp_unknown_flow);
    if (t->keys.rx == nullptr) return drop(DropReason::rtp_no_keys);
    const auto rtp = wire::RtpView::parse(datagram.bytes, wire::RtpView::Padding::keep);
    if (!rtp) return drop(DropReason::rtp_malformed);
    auto* binding = t->bound(rtp->ssrc());
    const bool fresh = binding == nullptr;
    if (fresh) binding = bind_ssrc(*t, *rtp);
    if (binding == nullptr) return drop(DropReason::rtp_unknown_ssrc);
    table::Source& s = *binding->source;
    auto& window = binding->rtx ? s.rtx_window : s.window;
    const std::uint64_t hint = binding->rtx ? s.rtx_rx_index_hint : s.rx_index_hint;

    table::MediaPacket* packet = history_.take(datagram.bytes.size());
    if (packet == nullptr) return drop(DropReason::history_pool_empty);
    const bool known_roc = !window.empty();
    std::uint64_t index = srtp::guess_index(known_roc ? window.highest() : hint, rtp->sequence());
    if (known_roc && !window.check(index)) {
        ++t->hot.counters->replays;
        release(packet);
        return drop(DropReason::srtp_replay);
    }
    std::expected<std::size_t, srtp::OpenError> opened = std::unexpected(srtp::OpenError::too_short);
    if (datagram.bytes.size() <= table::media_packet_room) {
        for (int roc = 0; roc < (known_roc ? 1 : roc_tries); ++roc) {
            opened = engine_->opener().open_rtp(*t->keys.rx, datagram.bytes, rtp->header_size(),
                                                index + (static_cast<std::uint64_t>(roc) << 16), packet->data);
            if (opened || opened.error() != srtp::OpenError::auth_failed) {
                index += static_cast<std::uint64_t>(roc) << 16;
                break;
            }
        }
    }
    if (!opened) {
        ++t->hot.counters->auth_failures;
        release(packet);
        return drop(DropReason::srtp_auth);
    }
    window.commit(index);
    authenticated(*t, datagram);
    ++counters_->rtp_in;
    const bool rtx = binding->rtx;
    if (capture_ != nullptr) [[unlikely]]
        capture_opened(*t, datagram, {packet->data, *opened});
    if (!known_roc) {
        source_started(*t);
        trace(t->id, abi::TraceKind::source_started, static_cast<std::uint64_t>(s.id),
              {rtp->ssrc(), rtp->payload_type(), rtp->sequence(), rtx});
    }
    if (fresh) {
        ++t->publishing->binding_count;
        (rtx ? s.spec.rtx_ssrc : s.spec.ssrc) = rtp->ssrc();
        s.counters->ssrc = s.spec.ssrc;
        s.counters->rtx_ssrc = s.spec.rtx_ssrc;
        s.bound_payload_type = rtp->payload_type();
        report_bound(s);
    }
    // Transport-wide numbers run over all streams of the transport (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    if (t->publishing->twcc != nullptr) {
        if (const std::uint8_t id = t->rx_extensions[slot(Extension::transport_cc)]; id != 0) {
            const auto value = rtp->find_extension(id);
            if (value && value->size() >= 2) arrival_noted(*t, load<be16>(value->data()).value());
        }
    }
    packet->index = static_cast<std::int64_t>(index);
    packet->rx_tsc = datagram.rx_tsc;
    const auto plain = wire::RtpView::parse({packet->data, *opened});
    if (!plain) {
        release(packet);
        return drop(DropReason::rtp_malformed);
    }
    if (!rtx) s.stats.on_packet(plain->sequence(), plain->timestamp(), now_ns_);
    const ByteView payload = plain->payload();
    std::uint8_t payload_index = rtx ? s.rtx_payload_index(plain->payload_type()) : s.payload_index(plain->payload_type());
    if (payload.empty() || payload_index == abi::max_payloads || (rtx && payload.size() <= 2)) {
        if (!rtx) packet_noted(*t, s, packet->index);
        const bool probing = payload.empty() || (rtx && payload.size() == 2);
        release(packet);
        return drop(payload_index == abi::max_payloads ? DropReason::rtp_unknown_ssrc
                    : !probing                         ? DropReason::rtx_malformed
                    : rtx                              ? DropReason::rtx_padding
                                                       : DropReason::rtp_padding_only);
    }
    packet->header_length = static_cast<std::uint16_t>(plain->header_size());
    packet->payload_length = static_cast<std::uint16_t>(payload.size());
    packet->payload_index = payload_index;
    if (rtx) {
        // RFC 4588: the payload begins with the original sequence number; the rest is the original payload.
        const std::uint16_t original = load<be16>(payload.data()).value();
        packet->header_length = static_cast<std::uint16_t>(packet->header_length + 2);
        packet->payload_length = static_cast<std::uint16_t>(packet->payload_length - 2);
        packet->index =
            static_cast<std::int64_t>(srtp::guess_index(s.window.empty() ? s.rx_index_hint : s.window.highest(), original));
        ++s.counters->recovered;
        trace(t->id, abi::TraceKind::rtx_received, static_cast<std::uint64_t>(s.id), {s.spec.ssrc, original});
    }
    ingest(s, rtx, *plain, datagram);
    if (!s.delivered.check(static_cast<std::uint64_t>(packet->index))) {
        ++s.counters->duplicates;
        release(packet);
        return drop(DropReason::rtp_duplicate);
    }
    s.delivered.commit(static_cast<std::uint64_t>(packet->index));
    packet_noted(*t, s, packet->index);
    packet->timestamp = plain->timestamp();
    packet->marker = plain->marker();
    packet->source = static_cast<std::uint64_t>(s.id);
    packet->elements = {};
    plain->for_each_extension([&](std::uint8_t id, ByteView value) {
        for (std::size_t e = 0; e < static_cast<std::size_t>(Extension::count); ++e) {
            if (t->rx_extensions[e] != id || value.empty()) continue;
            packet->elements[e] = {static_cast<std::uint16_t>(value.data() - packet->data),
                                   static_cast<std::uint8_t>(value.size()), 0};
        }
    });
    if (!find_primary(s, *packet)) {
        release(packet);
        return drop(DropReason::red_malformed);
    }
    describe(s, *packet);
    publish(s, packet);
}

// Where the primary block of a RED packet begins. False if there is none, or one of a codec that the viewers who take no RED
// could not be sent under the payload type that they were promised.
bool Worker::find_primary(const table::Source& s, table::MediaPacket& packet) noexcept {
    packet.primary_offset = 0;
    if (s.spec.payloads[packet.payload_index].codec != abi::CodecId::red) return true;
    const auto primary = media::find_red_primary({packet.payload(), packet.payload_length});
    if (!primary) return false;
    const std::uint8_t index = s.payload_index(primary->payload_type);
    if (index == abi::max_payloads || s.spec.payloads[index].codec != abi::CodecId::opus) return false;
    packet.primary_offset = primary->offset;
    return true;
}

void Worker::ingest(table::Source& s, bool rtx, const wire::RtpView& rtp, const Datagram& datagram) noexcept {
    ++s.new_packets;
    s.new_bytes += static_cast<std::uint32_t>(datagram.bytes.size());
    if (!rtx) s.payload_type = rtp.payload_type();
    if (s.new_packets >= source_publish_every || exact_counters()) s.publish();
    if (rtx) return;
    if (s.view != nullptr && !s.view->clock.has_sender_report())
        s.view->clock.on_packet(rtp.timestamp(), now_ns_, unix_ns());
}

// Frame borders and keyframes, from the payload descriptor or the dependency descriptor.
void Worker::describe(table::Source& s, table::MediaPacket& packet) noexcept {
    const auto codec = static_cast<media::Codec>(s.spec.payloads[packet.payload_index].codec);
    const media::FrameInfo frame = media::frame_info(codec, {packet.payload(), packet.payload_length},
                                                     packet.element(Extension::dependency_descriptor));
    packet.frame_start = frame.valid && frame.frame_start;
    packet.keyframe_start = frame.valid && frame.keyframe_start;
    s.codec = codec;
    if (!packet.keyframe_start || !media::is_video(codec)) return;
    ++s.counters->keyframes;
    s.counters->last_keyframe_unix_ns = unix_ns();
    if (frame.width != 0) {
        s.counters->width = frame.width;
        s.counters->height = frame.height;
    }
    s.keyframes.on_keyframe();
    trace(s.transport->id, abi::TraceKind::keyframe, static_cast<std::uint64_t>(s.id),
          {s.spec.ssrc, static_cast<std::uint16_t>(packet.index), frame.width, frame.height});
}

void Worker::publish(table::Source& s, table::MediaPacket* packet) noexcept {
    packet->order = s.published++;
    for (std::uint64_t rest = s.interested; rest != 0; rest &= rest - 1) {
        const auto worker = static_cast<std::size_t>(__builtin_ctzll(rest));
        CrossMessage message{};
        message.kind = CrossKind::packet;
        message.slot = s.slot;
        message.source = packet->source;
        message.packet = packet;
        packet->retain();
        if (!config_.peers[worker].out->push(message)) {
            release(packet);
            drop(DropReason::fanout_full);
        }
    }
    if (s.view == nullptr) {
        drop(DropReason::no_legs);
        return release(packet);
    }
    view_packet(*s.view, packet);
}

}  // namespace sluice::worker
