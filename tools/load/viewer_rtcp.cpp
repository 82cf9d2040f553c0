// What a viewer hears from the SFU by RTCP, and what it says: reports, NACK, PLI, transport-cc.
#include <algorithm>

#include "controlplane/core/clock.hpp"
#include "dataplane/wire/rtcp.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "tools/load/viewer_track.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::int64_t picture_patience_ns = 200'000'000;
constexpr std::int64_t transport_cc_interval_ns = 100'000'000;

}  // namespace

void Viewer::on_rtcp(ByteView plain, std::int64_t now_ns) {
    auto reader = wire::RtcpReader::parse(plain);
    if (!reader) {
        ++counters_.malformed;
        return;
    }
    while (const auto packet = reader->next()) {
        if (packet->type != wire::RtcpType::sender_report) continue;
        const auto info = wire::read_sender_info(*packet);
        for (auto& track : tracks_) {
            if (!info || track->answered.ssrc != packet->sender_ssrc) continue;
            ++stats_.sender_reports;
            track->last_sr = static_cast<std::uint32_t>(info->ntp >> 16);
            track->last_sr_ns = now_ns;
        }
    }
}

void Viewer::note_transport_sequence(const wire::RtpView& header, std::int64_t now_ns) {
    const auto number = header.find_extension(transport_cc_extension_);
    if (!number || number->size() != 2) return;
    if (!transport_cc_) transport_cc_ = std::make_unique<media::TwccRecorder>();
    transport_cc_->on_packet(load<be16>(number->data()).value(), now_ns);
}

void Viewer::on_tick(std::int64_t now_ns) {
    for (auto& track : tracks_) track->gaps.expire(now_ns);
    if (!world_.options.rtcp) return;
    if (transport_cc_ && now_ns >= next_transport_cc_ns_) {
        next_transport_cc_ns_ = now_ns + transport_cc_interval_ns;
        send_transport_cc(now_ns);
    }
    if (now_ns >= next_report_ns_) {
        next_report_ns_ = now_ns + report_interval_ns;
        send_reports(now_ns);
    }
    for (auto& track : tracks_) send_feedback(*track, now_ns);
}

void Viewer::send_reports(std::int64_t now_ns) {
    std::uint8_t buffer[512];
    wire::RtcpWriter writer({buffer, sizeof buffer - 32});
    std::vector<wire::ReportBlock> blocks;
    for (auto& track : tracks_) {
        if (track->received == 0) continue;
        wire::ReportBlock block;
        block.ssrc = track->answered.ssrc;
        const std::uint64_t expected = track->gaps.highest() - track->first_index + 1;
        const auto expected_now = static_cast<std::int64_t>(expected - track->expected_before);
        const auto received_now = static_cast<std::int64_t>(track->received - track->received_before);
        if (expected_now > 0 && received_now < expected_now)
            block.fraction_lost =
                static_cast<std::uint8_t>(std::min<std::int64_t>(255, (expected_now - received_now) * 256 / expected_now));
        track->expected_before = expected;
        track->received_before = track->received;
        block.cumulative_lost =
            static_cast<std::int32_t>(static_cast<std::int64_t>(expected) - static_cast<std::int64_t>(track->received));
        block.highest_sequence = static_cast<std::uint32_t>(track->gaps.highest());
        block.jitter = static_cast<std::uint32_t>(track->jitter16 >> 4);
        block.last_sr = track->last_sr;
        if (track->last_sr != 0)
            block.delay_since_last_sr = static_cast<std::uint32_t>((now_ns - track->last_sr_ns) * 65536 / 1'000'000'000);
        blocks.push_back(block);
    }
    if (writer.receiver_report(report_ssrc_, blocks) && writer.sdes_cname(report_ssrc_, cname_))
        send_rtcp(buffer, writer.size());
}

bool Viewer::wants_keyframe(const Track& track, std::int64_t now_ns) const {
    if (!world_.options.pli || track.answered.kind != Kind::video || track.answered.ssrc == 0) return false;
    if (track.wants_start) return true;
    const bool blind = track.last_media_ns != 0 && !track.first_picture.complete();
    if (blind && now_ns - std::max(first_media_ns_, last_pli_ns_) > picture_patience_ns) return true;
    const auto patience = static_cast<std::int64_t>(world_.options.pli_after_s * 1e9);
    return now_ns - std::max({track.last_media_ns, last_pli_ns_, rebound_ns_}) > patience;
}

void Viewer::send_transport_cc(std::int64_t now_ns) {
    std::uint8_t buffer[1024];
    wire::TwccArrival scratch[256];
    const auto batch = transport_cc_->pending(scratch);
    if (batch.arrivals.empty()) return;
    const wire::TwccFeedbackWriter writer{report_ssrc_, tracks_.front()->answered.ssrc, batch.feedback_count};
    const auto written = writer.write({buffer, sizeof buffer - 32}, batch.base_seq, batch.arrivals);
    if (!written) return;
    transport_cc_->reported(written->arrivals, now_ns);
    send_rtcp(buffer, written->bytes);
    ++stats_.transport_cc_sent;
}

void Viewer::send_feedback(Track& track, std::int64_t now_ns) {
    std::uint8_t buffer[1024];
    wire::RtcpWriter writer({buffer, sizeof buffer - 32});
    if (world_.options.nack && track.answered.rtx_payload_type != 0) {
        if (auto due = track.gaps.due_nacks(now_ns); !due.empty()) {
            if (due.size() > 128) due.resize(128);
            if (writer.nack(report_ssrc_, track.answered.ssrc, due)) ++stats_.nacks_sent;
        }
    }
    if (wants_keyframe(track, now_ns)) {
        last_pli_ns_ = now_ns;
        track.wants_start = false;
        if (writer.pli(report_ssrc_, track.answered.ssrc)) ++stats_.plis_sent;
    }
    if (writer.size() != 0) send_rtcp(buffer, writer.size());
}

}  // namespace sluice::loadgen
