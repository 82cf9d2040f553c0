// What publishers are told: NACK, keyframe requests, receiver reports and transport-wide feedback (RFC 4585, RFC 3550,
// draft-holmer-rmcat-transport-wide-cc-extensions-01).
//
// Theory of operation: each publisher has a time at which it is looked at (wake_times.hpp). What happens to it brings that
// forward: a gap, a keyframe that somebody wants, arrivals to report. Otherwise it is the next receiver report.

#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/twcc.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

constexpr std::int64_t report_interval_ns = 1'000'000'000;     // RR
constexpr std::int64_t loss_report_interval_ns = 100'000'000;  // RR, while packets are missing
constexpr std::int64_t first_report_ns = 20'000'000;           // RR, after the first packet of a source
constexpr std::int64_t nack_interval_ns = 5'000'000;           // looks at what is missing
constexpr std::int64_t no_path_interval_ns = 5'000'000;        // looks for keys and a path

// Feedback about a whole transport names one of its SSRCs, and must name one that is known: libwebrtc takes no notice of
// feedback for an SSRC that it does not send. Layers that have never sent anything are still at 0.
std::uint32_t any_ssrc(const table::Publishing& p) noexcept {
    for (std::uint8_t i = 0; i < p.source_count; ++i) {
        if (p.sources[i]->spec.ssrc != 0) return p.sources[i]->spec.ssrc;
    }
    return 0;
}

bool asks_for_keyframes(const table::Source& s) noexcept {
    return (s.spec.flags & (abi::source_pli | abi::source_fir)) != 0;
}

bool misses_packets(const table::Publishing& p) noexcept {
    for (std::uint8_t i = 0; i < p.source_count; ++i) {
        if (p.sources[i]->nack.missing() != 0) return true;
    }
    return false;
}

}  // namespace

void Worker::wake(const table::Transport& publisher, std::int64_t at_ns) noexcept {
    publisher_times_.sooner(publisher.publishing->position, at_ns);
}

// The sender learns its round trip from the first report. Somebody may have wanted a keyframe before its SSRC was known.
void Worker::source_started(table::Transport& t) noexcept {
    table::Publishing& p = *t.publishing;
    p.next_report_ns = std::min(p.next_report_ns, now_ns_ + first_report_ns);
    wake(t, now_ns_);
}

void Worker::keyframe_requested(table::Source& s) noexcept {
    s.keyframes.request();
    if (asks_for_keyframes(s)) wake(*s.transport, s.keyframes.due_ns(s.rtt_ns));
}

void Worker::packet_noted(table::Transport& t, table::Source& s, std::int64_t index) noexcept {
    if ((s.spec.flags & abi::source_nack) == 0) return;
    s.nack.on_packet(index, now_ns_);
    if (s.nack.missing() != 0) wake(t, now_ns_ + nack_interval_ns);
}

void Worker::arrival_noted(table::Transport& t, std::uint16_t transport_sequence) noexcept {
    media::TwccRecorder& twcc = *t.publishing->twcc;
    twcc.on_packet(transport_sequence, now_ns_);
    if (twcc.due_has_changed()) wake(t, twcc.due_ns());
}

bool Worker::serve_publishers(std::uint32_t budget) noexcept {
    for (; budget > 0; --budget) {
        const auto position = publisher_times_.next_due(now_ns_);
        if (!position) return false;
        table::Transport& t = *publishers_[*position];
        publisher_times_.set(*position, give_feedback(t, *t.publishing));
    }
    return publisher_times_.in_round();
}

std::int64_t Worker::give_feedback(table::Transport& t, table::Publishing& p) noexcept {
    if (t.hot.tx == nullptr || !t.hot.has_path) return now_ns_ + no_path_interval_ns;
    std::array<std::uint8_t, 1100> buffer;
    wire::RtcpWriter out(buffer);
    write_report(t, p, out);
    std::int64_t next_ns = p.next_report_ns;
    for (std::uint8_t i = 0; i < p.source_count; ++i) {
        table::Source& s = *p.sources[i];
        if (s.new_packets != 0) s.publish();
        if (s.spec.ssrc == 0) continue;
        write_nack(t, s, out);
        write_keyframe_request(t, s, out);
        if (s.nack.missing() != 0) next_ns = std::min(next_ns, now_ns_ + nack_interval_ns);
        if (asks_for_keyframes(s)) next_ns = std::min(next_ns, s.keyframes.due_ns(s.rtt_ns));
    }
    if (out.size() != 0) send_rtcp(t, out.finish());
    if (p.twcc == nullptr) return next_ns;
    send_arrivals(t, p);
    return std::min(next_ns, p.twcc->due_ns());
}

void Worker::write_report(table::Transport& t, table::Publishing& p, wire::RtcpWriter& out) noexcept {
    const bool due = now_ns_ >= p.next_report_ns ||
                     (now_ns_ >= p.next_report_ns - report_interval_ns + loss_report_interval_ns && misses_packets(p));
    if (!due) return;
    p.next_report_ns = now_ns_ + report_interval_ns;
    std::array<wire::ReportBlock, 31> blocks;
    std::size_t count = 0;
    for (std::uint8_t i = 0; i < p.source_count && count < blocks.size(); ++i) {
        table::Source& s = *p.sources[i];
        if (!s.stats.active() || s.spec.ssrc == 0) continue;
        const wire::ReportBlock& block = blocks[count++] = s.stats.report(s.spec.ssrc, now_ns_);
        trace(t.id, abi::TraceKind::rr_sent, static_cast<std::uint64_t>(s.id),
              {block.ssrc, block.fraction_lost, static_cast<std::uint32_t>(block.cumulative_lost), block.jitter});
    }
    if (count == 0 || !out.receiver_report(t.sender_ssrc, {blocks.data(), count})) return;
    const std::string_view cname{t.cname.data(), t.cname_length};
    if (!cname.empty()) (void)out.sdes_cname(t.sender_ssrc, cname);
}

void Worker::write_nack(table::Transport& t, table::Source& s, wire::RtcpWriter& out) noexcept {
    if ((s.spec.flags & abi::source_nack) == 0) return;
    std::array<std::uint16_t, 64> missing;
    const std::size_t n = s.nack.collect(now_ns_, s.rtt_ns, missing);
    if (n == 0 || !out.nack(t.sender_ssrc, s.spec.ssrc, {missing.data(), n})) return;
    s.counters->nacks_sent += n;
    trace(t.id, abi::TraceKind::nack_sent, static_cast<std::uint64_t>(s.id),
          {s.spec.ssrc, missing[0], static_cast<std::uint32_t>(n)});
}

void Worker::write_keyframe_request(table::Transport& t, table::Source& s, wire::RtcpWriter& out) noexcept {
    if (!asks_for_keyframes(s) || !s.keyframes.poll(now_ns_, s.rtt_ns)) return;
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

void Worker::send_arrivals(table::Transport& t, table::Publishing& p) noexcept {
    std::array<std::uint8_t, 1100> buffer;
    std::array<wire::TwccArrival, media::TwccRecorder::ring_size> arrivals;
    while (p.twcc->due(now_ns_)) {
        const auto batch = p.twcc->pending(arrivals);
        const wire::TwccFeedbackWriter writer{t.sender_ssrc, any_ssrc(p), batch.feedback_count};
        const auto written = writer.write(buffer, batch.base_seq, batch.arrivals);
        if (!written) break;
        p.twcc->reported(written->arrivals, now_ns_);
        send_rtcp(t, {buffer.data(), written->bytes});
    }
}

}  // namespace sluice::worker
