// What is due by time: feedback to publishers (stage_feedback.cpp), sender reports towards viewers, silence, counters. A
// tick of 1 ms begins a round over the publishers that are due and a hundredth of all transports; each iteration then does a
// few of them, so that fifty thousand never hold up a packet for long.

#include <rte_prefetch.h>

#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

constexpr std::int64_t sr_interval_ns = 1'000'000'000;  // SR towards viewers
constexpr std::int64_t silence_ns = 10'000'000'000;
constexpr std::int64_t silence_repeat_ns = 5'000'000'000;
constexpr std::uint32_t transport_ticks = 100;
constexpr std::uint32_t publishers_per_turn = 8;
constexpr std::uint32_t viewers_per_turn = 16;

}  // namespace

void Worker::tick() noexcept {
    const auto count = static_cast<std::uint32_t>(transports_.size());
    counters_->history_free = history_.available();
    counters_->transports = count;
    if (events_owed_) report_again();
    shed_history();
    publisher_times_.begin_round();
    viewers_left_ = std::min(count, viewers_left_ + (count + transport_ticks - 1) / transport_ticks);
}

// What the tick left to do, a few at a time. True if there is more.
bool Worker::stage_timers() noexcept {
    if (viewers_left_ == 0 && !publisher_times_.in_round()) return false;
    if (tx_count_ > tx_batch) return false;  // the port is full: what is due can wait
    StageTimer timer(*this, Stage::timers);
    const bool publishers = serve_publishers(publishers_per_turn);
    const auto count = static_cast<std::uint32_t>(transports_.size());
    viewers_left_ = std::min(viewers_left_, count);
    const std::uint32_t turn = std::min(viewers_left_, viewers_per_turn);
    for (std::uint32_t i = 0; i < turn; ++i) {
        if (timer_cursor_ >= count) timer_cursor_ = 0;
        // Cold since the last round.
        if (timer_cursor_ + 4 < count) rte_prefetch0(&transports_[timer_cursor_ + 4]->next_sr_ns);
        viewer_timers(*transports_[timer_cursor_++]);
        ++timer.packets;
    }
    viewers_left_ -= turn;
    return publishers || viewers_left_ != 0;
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

void Worker::viewer_timers(table::Transport& t) noexcept {
    if (!t.hot.started) start_legs(t);
    if (t.rx_packets != 0) t.publish_received(config_.clock.to_unix_ns(t.last_seen_ns));
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
