// What is due by time: NACK, keyframe requests, receiver reports and transport-wide feedback towards publishers; sender
// reports towards viewers; silence. A tick of 1 ms looks at a fifth of the publishers and at a hundredth of all transports,
// so that fifty thousand of them never hold up a packet for long.

#include <rte_prefetch.h>

#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/twcc.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

constexpr std::int64_t report_interval_ns =
    100'000'000;  // RR towards publishers; transport-cc comes by its recorder's own cadence
constexpr std::int64_t sr_interval_ns = 1'000'000'000;  // SR towards viewers
constexpr std::int64_t silence_ns = 10'000'000'000;
constexpr std::int64_t silence_repeat_ns = 5'000'000'000;
constexpr std::uint32_t publisher_ticks = 5;
constexpr std::uint32_t transport_ticks = 100;

// Feedback about a whole transport names one of its SSRCs, and must name one that is known: libwebrtc takes no notice of
// feedback for an SSRC that it does not send. Layers that have never sent anything are still at 0.
std::uint32_t any_ssrc(const table::Publishing& p) noexcept {
    for (std::uint8_t i = 0; i < p.source_count; ++i) {
        if (p.sources[i]->spec.ssrc != 0) return p.sources[i]->spec.ssrc;
    }
    return 0;
}

}  // namespace

void Worker::stage_timers() noexcept {
    const auto count = static_cast<std::uint32_t>(transports_.size());
    counters_->history_free = history_.available();
    counters_->transports = count;
    if (events_owed_) report_again();
    shed_history();
    if (count == 0) return;
    StageTimer timer(*this, Stage::timers);
    const auto publishers = static_cast<std::uint32_t>(publishers_.size());
    for (std::uint32_t i = 0; i < (publishers + publisher_ticks - 1) / publisher_ticks; ++i) {
        if (publisher_cursor_ >= publishers) publisher_cursor_ = 0;
        table::Transport& publisher = *publishers_[publisher_cursor_++];
        publisher_timers(publisher, *publisher.publishing);
    }
    const std::uint32_t turn = (count + transport_ticks - 1) / transport_ticks;
    for (std::uint32_t i = 0; i < turn; ++i) {
        if (timer_cursor_ >= count) timer_cursor_ = 0;
        // Cold since the last round.
        if (timer_cursor_ + 4 < count) rte_prefetch0(&transports_[timer_cursor_ + 4]->next_sr_ns);
        viewer_timers(*transports_[timer_cursor_++]);
        ++timer.packets;
    }
}

// Sources that fell silent push nothing, so they shed nothing in view_packet(): some views are looked at on each tick.
void Worker::shed_history() noexcept {
    constexpr std::uint32_t views_per_tick = 64;
    history_.note_level();
    const auto slots = static_cast<std::uint32_t>(views_.size());
    for (std::uint32_t i = 0; i < views_per_tick && i < slots; ++i) {
        if (++shed_cursor_ >= slots) shed_cursor_ = 0;
        table::SourceView* view = views_[shed_cursor_];
        if (view == nullptr || view->tail == view->head) continue;
        const table::MediaPacket* oldest = view->at(view->tail);
        if (oldest != nullptr && table::runs_low(*oldest)) view->trim((view->head - view->tail) / 4);
    }
}

void Worker::publisher_timers(table::Transport& t, table::Publishing& p) noexcept {
    if (t.hot.tx == nullptr || !t.hot.has_path) return;
    std::array<std::uint8_t, 1100> buffer;
    wire::RtcpWriter out(buffer);
    const bool report = now_ns_ >= p.next_report_ns;
    const std::string_view cname{t.cname.data(), t.cname_length};
    if (report) {
        p.next_report_ns = now_ns_ + report_interval_ns;
        std::array<wire::ReportBlock, 31> blocks;
        std::size_t count = 0;
        for (std::uint8_t i = 0; i < p.source_count && count < blocks.size(); ++i) {
            table::Source& s = *p.sources[i];
            if (!s.stats.active() || s.spec.ssrc == 0) continue;
            blocks[count++] = s.stats.report(s.spec.ssrc, now_ns_);
            const wire::ReportBlock& block = blocks[count - 1];
            constexpr std::int64_t second_ns = 1'000'000'000;
            if (block.fraction_lost != 0 || now_ns_ / second_ns != (now_ns_ - report_interval_ns) / second_ns)
                trace(t.id, abi::TraceKind::rr_sent, static_cast<std::uint64_t>(s.id),
                      {block.ssrc, block.fraction_lost, static_cast<std::uint32_t>(block.cumulative_lost), block.jitter});
        }
        if (count != 0 && out.receiver_report(t.sender_ssrc, {blocks.data(), count}) && !cname.empty()) {
            (void)out.sdes_cname(t.sender_ssrc, cname);
        }
    }
    for (std::uint8_t i = 0; i < p.source_count; ++i) {
        table::Source& s = *p.sources[i];
        if (s.spec.ssrc == 0) continue;
        if (s.spec.flags & abi::source_nack) {
            std::array<std::uint16_t, 64> missing;
            if (const std::size_t n = s.nack.collect(now_ns_, s.rtt_ns, missing); n != 0) {
                if (out.nack(t.sender_ssrc, s.spec.ssrc, {missing.data(), n})) {
                    s.counters->nacks_sent += n;
                    trace(t.id, abi::TraceKind::nack_sent, static_cast<std::uint64_t>(s.id),
                          {s.spec.ssrc, missing[0], static_cast<std::uint32_t>(n)});
                }
            }
        }
        if ((s.spec.flags & (abi::source_pli | abi::source_fir)) && s.keyframes.poll(now_ns_, s.rtt_ns)) {
            ++s.counters->keyframe_requests;
            trace(t.id, abi::TraceKind::keyframe_asked, static_cast<std::uint64_t>(s.id),
                  {s.spec.ssrc, (s.spec.flags & abi::source_pli) == 0});
            if (s.spec.flags & abi::source_pli) {
                (void)out.pli(t.sender_ssrc, s.spec.ssrc);
            } else {
                const wire::FirEntry entry{s.spec.ssrc, ++s.fir_sequence};
                (void)out.fir(t.sender_ssrc, {&entry, 1});
            }
        }
    }
    if (out.size() != 0) send_rtcp(t, out.finish());

    std::array<wire::TwccArrival, media::TwccRecorder::ring_size> arrivals;
    while (p.twcc != nullptr && p.twcc->due(now_ns_)) {
        const auto batch = p.twcc->pending(arrivals);
        const wire::TwccFeedbackWriter writer{t.sender_ssrc, any_ssrc(p), batch.feedback_count};
        const auto written = writer.write(buffer, batch.base_seq, batch.arrivals);
        if (!written) break;
        p.twcc->reported(written->arrivals, now_ns_);
        send_rtcp(t, {buffer.data(), written->bytes});
    }
}

void Worker::viewer_timers(table::Transport& t) noexcept {
    if (!t.started) start_legs(t);
    if (t.validated && now_ns_ - t.last_seen_ns > silence_ns && now_ns_ - t.silent_reported_ns > silence_repeat_ns) {
        t.silent_reported_ns = now_ns_;
        Event event;
        event.kind = EventKind::silent;
        event.id = static_cast<std::uint64_t>(t.id);
        event.silent_ms = static_cast<std::uint32_t>((now_ns_ - t.last_seen_ns) / 1'000'000);
        (void)emit(event);  // repeated every five seconds
        trace(t.id, abi::TraceKind::silent, 0, {event.silent_ms});
    }
    if (t.first_leg == nullptr || now_ns_ < t.next_sr_ns) return;
    t.next_sr_ns = now_ns_ + sr_interval_ns;
    t.hot.publish();
    std::array<std::uint8_t, 1100> buffer;
    wire::RtcpWriter out(buffer);
    const std::string_view cname{t.cname.data(), t.cname_length};
    for (table::Leg* leg = t.first_leg; leg != nullptr; leg = leg->next_of_transport) {
        if (leg->hot.packets != static_cast<std::uint32_t>(leg->hot.counters->packets)) leg->hot.publish(unix_ns());
        if (leg->view == nullptr || leg->hot.packets == 0 || leg->hot.is(table::leg_state_switching)) continue;
        const auto times = leg->view->clock.for_leg(now_ns_, leg->hot.rewriter.ts_delta());
        if (!times) continue;
        const wire::SenderInfo info{times->ntp, times->rtp_ts, leg->hot.packets, leg->hot.octets};
        trace(t.id, abi::TraceKind::sr_sent, static_cast<std::uint64_t>(leg->id),
              {leg->hot.ssrc, info.rtp_timestamp, info.packet_count, info.octet_count});
        if (!out.sender_report(leg->hot.ssrc, info) || !out.sdes_cname(leg->hot.ssrc, cname)) {
            if (out.size() != 0) send_rtcp(t, out.finish());
            out = wire::RtcpWriter(buffer);
            (void)out.sender_report(leg->hot.ssrc, info);
            (void)out.sdes_cname(leg->hot.ssrc, cname);
        }
    }
    if (out.size() != 0) send_rtcp(t, out.finish());
}

}  // namespace sluice::worker
