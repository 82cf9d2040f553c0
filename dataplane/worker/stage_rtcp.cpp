// SRTCP from both sides: sender reports and BYE of publishers; receiver reports, NACK, PLI, FIR and REMB of viewers.

#include <algorithm>

#include "dataplane/media/sender_clock.hpp"
#include "dataplane/wire/rtcp.hpp"
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_reports.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

// How long a keyframe that was sent may take to become a picture: libwebrtc asks again every 200 ms, also while the viewer's
// CPU is what it waits for. What the network lost NACK repairs sooner.
constexpr std::int64_t patience_ns = 500'000'000;
constexpr std::int64_t longest_patience_ns = 1'000'000'000;

}  // namespace

// Report blocks of a viewer with hundreds of legs name them in the order in which they were made (libwebrtc goes round its
// streams), so the search goes on behind the leg that was found last.
table::Leg* Worker::leg_of(table::Transport& t, std::uint32_t ssrc) noexcept {
    if (ssrc == 0) return nullptr;
    table::Leg* const from = t.last_asked != nullptr ? t.last_asked : t.first_leg;
    for (table::Leg* leg = from; leg != nullptr;) {
        if (leg->hot.ssrc == ssrc || leg->rtx_ssrc == ssrc) {
            t.last_asked = leg->next_of_transport;
            return leg;
        }
        leg = leg->next_of_transport != nullptr ? leg->next_of_transport : t.first_leg;
        if (leg == from) break;
    }
    return nullptr;
}

void Worker::stage_rtcp(const Datagram& datagram) noexcept {
    StageTimer timer(*this, Stage::rtcp);
    timer.packets = 1;
    table::Transport* t = table_.by_flow(datagram.key);
    if (t == nullptr) return elsewhere(datagram, table_.owner_of_flow(datagram.key), DropReason::rtp_unknown_flow);
    if (t->keys.rx == nullptr) return drop(DropReason::rtp_no_keys);
    if (datagram.bytes.size() > rtcp_plain_.size()) return drop(DropReason::rtcp_malformed);
    const auto opened = engine_->opener().open_rtcp(*t->keys.rx, datagram.bytes, rtcp_plain_.data());
    if (!opened) {
        ++t->hot.counters->auth_failures;
        return drop(opened.error() == srtp::OpenError::too_short ? DropReason::rtcp_malformed : DropReason::srtcp_auth);
    }
    // The sender's SSRC stands in the clear in front of every SRTCP packet. A window is opened only for a packet that
    // authenticated.
    const std::uint32_t sender = opened->len >= 8 ? load<be32>(rtcp_plain_.data() + 4).value() : 0;
    auto* window = t->rtcp_windows.of(sender, rtcp_window_pool_);
    if (window == nullptr || !window->check(opened->index)) {
        ++t->hot.counters->replays;
        return drop(DropReason::srtcp_replay);
    }
    window->commit(opened->index);
    authenticated(*t, datagram);
    if (capture_ != nullptr) [[unlikely]]
        capture_opened(*t, datagram, {rtcp_plain_.data(), opened->len});
    auto reader = wire::RtcpReader::parse({rtcp_plain_.data(), opened->len});
    if (!reader) return drop(DropReason::rtcp_malformed);
    bool clean = true;
    while (const auto packet = reader->next()) {
        switch (packet->type) {
            case wire::RtcpType::sender_report: {
                const auto info = wire::read_sender_info(*packet);
                clean &= info.has_value();
                if (info) {
                    sender_report(*t, packet->sender_ssrc, info->ntp, info->rtp_timestamp);
                    const auto* binding = t->bound(packet->sender_ssrc);
                    trace(t->id, abi::TraceKind::sr_received,
                          binding == nullptr ? 0 : static_cast<std::uint64_t>(binding->source->id),
                          {packet->sender_ssrc, info->rtp_timestamp, info->packet_count, info->octet_count});
                }
                [[fallthrough]];
            }
            case wire::RtcpType::receiver_report:
                clean &= wire::for_each_report_block(*packet, [&](const wire::ReportBlock& block) {
                             table::Leg* leg = leg_of(*t, block.ssrc);
                             if (leg == nullptr || leg->hot.ssrc != block.ssrc) return;
                             leg->hot.counters->fraction_lost = block.fraction_lost;
                             leg->hot.counters->cumulative_lost = static_cast<std::uint32_t>(block.cumulative_lost);
                             leg->hot.counters->jitter = block.jitter;
                             report_round_trip(*t, *leg, block);
                             trace(t->id, abi::TraceKind::rr_received, static_cast<std::uint64_t>(leg->id),
                                   {block.ssrc, block.fraction_lost, static_cast<std::uint32_t>(block.cumulative_lost),
                                    block.jitter, leg->hot.counters->rtt_us});
                         }).has_value();
                break;
            case wire::RtcpType::transport_feedback:
                if (packet->count == wire::rtpfb_nack) {
                    const std::uint32_t ssrc = wire::feedback_media_ssrc(*packet);
                    table::Leg* leg = leg_of(*t, ssrc);
                    if (leg != nullptr && leg->hot.ssrc != ssrc) leg = nullptr;  // lost RTX is not sent again
                    clean &= wire::for_each_nack(*packet, [&](std::uint16_t sequence) {
                                 if (leg != nullptr) resend(*leg, sequence);
                             }).has_value();
                }
                break;
            case wire::RtcpType::payload_feedback:
                if (packet->count == wire::psfb_pli) {
                    const auto ssrc = wire::read_pli(*packet);
                    clean &= ssrc.has_value();
                    table::Leg* leg = ssrc ? leg_of(*t, *ssrc) : nullptr;
                    if (leg != nullptr && leg->view != nullptr) {
                        ++leg->hot.counters->keyframe_requests;
                        trace(t->id, abi::TraceKind::pli, static_cast<std::uint64_t>(leg->id), {*ssrc});
                        keyframe_wanted(*leg);
                    }
                } else if (packet->count == wire::psfb_fir) {
                    clean &= wire::for_each_fir(*packet, [&](std::uint32_t ssrc, std::uint8_t command) {
                                 table::Leg* leg = leg_of(*t, ssrc);
                                 if (leg == nullptr || leg->view == nullptr) return;
                                 if (leg->seen_fir && leg->last_fir_sequence == command) return;  // the same request again
                                 leg->seen_fir = true;
                                 leg->last_fir_sequence = command;
                                 ++leg->hot.counters->keyframe_requests;
                                 trace(t->id, abi::TraceKind::fir, static_cast<std::uint64_t>(leg->id), {ssrc, command});
                                 keyframe_wanted(*leg);
                             }).has_value();
                } else if (const auto remb = wire::read_remb(*packet)) {
                    for (std::size_t i = 0; i < remb->source_count(); ++i) {
                        table::Leg* leg = leg_of(*t, remb->source(i));
                        if (leg == nullptr) continue;
                        leg->hot.counters->remb_bps = remb->bitrate;
                        trace(t->id, abi::TraceKind::remb, static_cast<std::uint64_t>(leg->id),
                              {remb->source(i), static_cast<std::uint32_t>(remb->bitrate / 1000)});
                    }
                }
                break;
            case wire::RtcpType::bye:
                clean &= wire::for_each_bye(*packet, [&](std::uint32_t ssrc) {
                             const auto* binding = t->bound(ssrc);
                             if (binding == nullptr || binding->rtx) return;
                             Event event;
                             event.kind = EventKind::bye;
                             event.id = static_cast<std::uint64_t>(binding->source->id);
                             (void)emit(event);
                             trace(t->id, abi::TraceKind::bye, event.id, {ssrc});
                         }).has_value();
                break;
            default: break;
        }
    }
    if (!clean) drop(DropReason::rtcp_malformed);
}

void Worker::report_round_trip(table::Transport& t, table::Leg& leg, const wire::ReportBlock& block) noexcept {
    if (leg.view == nullptr || block.last_sr == 0) return;
    const auto times = leg.view->clock.at(now_ns_);
    if (!times) return;
    const std::int64_t rtt = media::round_trip_ns(media::ntp_middle(times->ntp), block.last_sr, block.delay_since_last_sr);
    if (rtt <= 0) return;
    leg.rtt_ns = rtt;
    leg.hot.counters->rtt_us = static_cast<std::uint32_t>(rtt / 1000);
    t.hot.counters->rtt_us = leg.hot.counters->rtt_us;
}

void Worker::sender_report(table::Transport& t, std::uint32_t ssrc, std::uint64_t ntp, std::uint32_t rtp_ts) noexcept {
    const auto* binding = t.bound(ssrc);
    if (binding == nullptr || binding->rtx) return;
    table::Source& s = *binding->source;
    s.stats.on_sender_report(ntp, now_ns_);
    if (s.view != nullptr) s.view->clock.on_sender_report(ntp, rtp_ts, now_ns_);
    for (std::uint64_t rest = s.interested; rest != 0; rest &= rest - 1) {
        CrossMessage message{};
        message.kind = CrossKind::sender_report;
        message.slot = s.slot;
        message.source = static_cast<std::uint64_t>(s.id);
        message.ntp = ntp;
        message.arrival_ns = now_ns_;
        message.rtp_timestamp = rtp_ts;
        (void)config_.peers[static_cast<std::size_t>(__builtin_ctzll(rest))].out->push(message);
    }
}

// A viewer asks. Newcomers do at once, out of habit (libwebrtc), while what they ask for is being sent to them, or was a
// moment ago.
void Worker::keyframe_wanted(table::Leg& leg) noexcept {
    const std::int64_t on_its_way = std::clamp(2 * leg.rtt_ns, patience_ns, longest_patience_ns);
    if ((leg.hot.is(table::leg_state_catching_up) && !leg.resuming) ||
        (leg.keyframe_ns != 0 && now_ns_ - leg.keyframe_ns < on_its_way))
        return;
    request_keyframe(*leg.view);
}

void Worker::request_keyframe(table::SourceView& view) noexcept {
    if (view.kind != abi::MediaKind::video) return;
    if (view.owner == config_.id) {
        table::Source* s = sources_[view.slot];
        if (s != nullptr && s->id == view.source) keyframe_requested(*s);
        return;
    }
    CrossMessage message{};
    message.kind = CrossKind::keyframe_request;
    message.slot = view.slot;
    message.source = static_cast<std::uint64_t>(view.source);
    (void)config_.peers[view.owner].out->push(message);
}

}  // namespace sluice::worker
