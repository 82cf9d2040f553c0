#include "tools/load/viewer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "controlplane/core/clock.hpp"
#include "controlplane/core/random.hpp"
#include "dataplane/srtp/replay.hpp"
#include "dataplane/wire/rtcp.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/rtp.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::int64_t report_interval_ns = 1'000'000'000;
constexpr std::int64_t silence_ns = 500'000'000;  // so long that it is no jitter

}  // namespace

struct Viewer::Track {
    AnsweredTrack answered;
    RecentIndices<2048> seen;
    RecentIndices<512> rtx_seen;
    GapTracker gaps;
    std::uint32_t stream = 0;
    std::uint64_t last_counter = 0;
    std::int64_t last_media_ns = 0;
    std::int64_t excused_ns = 0;  // of the time since then: we stood still
    std::int64_t max_gap_ns = 0;
    bool returning = false;  // the next packet is the first after a rebinding
    // For receiver reports (RFC 3550 A.3, A.8).
    std::uint64_t first_index = 0, received = 0, expected_before = 0, received_before = 0;
    std::int64_t jitter16 = 0, last_transit = 0;
    std::uint32_t last_sr = 0;
    std::int64_t last_sr_ns = 0;
};

Viewer::Viewer(World& world, std::uint32_t number) : Peer(world, number, false), report_ssrc_(core::random_u32() | 1) {}
Viewer::~Viewer() = default;

std::vector<OfferedTrack> Viewer::tracks() {
    std::vector<OfferedTrack> offered;
    if (world_.options.video_pps != 0) offered.push_back({Kind::video, "0"});
    if (world_.options.audio) offered.push_back({Kind::audio, std::to_string(offered.size())});
    return offered;
}

void Viewer::on_answer(const Answer& answer) {
    for (const AnsweredTrack& answered : answer.tracks) {
        auto track = std::make_unique<Track>();
        track->answered = answered;
        tracks_.push_back(std::move(track));
    }
}

void Viewer::on_connected(std::int64_t now_ns) {
    connected_ns_ = now_ns;
    last_pli_ns_ = now_ns;
    next_report_ns_ = now_ns + static_cast<std::int64_t>(world_.random() % report_interval_ns);
}

void Viewer::on_rebind() {
    ++stats_.rebinds;
    rebound_ns_ = core::monotonic_ns();
    for (auto& track : tracks_) track->returning = track->last_media_ns != 0;
}

void Viewer::on_excuse(std::int64_t ns) {
    for (auto& track : tracks_) {
        track->gaps.excuse(ns);
        track->excused_ns += ns;
    }
}

void Viewer::on_rtp(ByteView sealed, std::int64_t now_ns) {
    const auto header = wire::RtpView::parse(sealed, wire::RtpView::Padding::keep);
    if (!header || sealed.size() < header->header_size() + srtp::rtp_overhead(suite())) {
        ++counters_.malformed;
        return;
    }
    const std::uint32_t ssrc = header->ssrc();
    const auto found = std::find_if(tracks_.begin(), tracks_.end(), [&](const auto& t) {
        return ssrc != 0 && (t->answered.ssrc == ssrc || t->answered.rtx_ssrc == ssrc);
    });
    if (found == tracks_.end()) {
        ++counters_.unknown_ssrc;
        return;
    }
    Track& track = **found;
    const bool rtx = track.answered.rtx_ssrc == ssrc;
    if (!rtx && world_.options.receive_loss > 0 &&
        static_cast<double>(world_.random() >> 11) * 0x1p-53 < world_.options.receive_loss) {
        ++stats_.thrown_away;
        return;
    }
    const bool empty = rtx ? track.rtx_seen.empty() : track.seen.empty();
    const std::uint64_t highest = rtx ? track.rtx_seen.highest() : track.seen.highest();
    const std::uint64_t index = empty ? header->sequence() : srtp::guess_index(highest, header->sequence());
    const std::uint64_t hash = hash_of(sealed);
    const auto before = rtx ? track.rtx_seen.find(index) : track.seen.find(index);
    if (before == hash) {
        ++counters_.duplicates;
        return world_.recorder.note(now_ns, number(), 'R', ssrc, index, hash);
    }
    std::uint8_t plain[2048];
    const auto oracle = before ? std::unexpected(srtp::OpenError::replayed)
                               : world_.engine->opener().open_rtp(rx_, sealed, header->header_size(), index, plain);
    const auto opened = oracle || oracle.error() != srtp::OpenError::replayed
                            ? oracle
                            : world_.verifier->opener().open_rtp(verify_, sealed, header->header_size(), index, plain);
    if (!opened) {
        ++counters_.auth_failures;
        return;
    }
    if (before) {
        ++counters_.index_reuse;
        return world_.recorder.note(now_ns, number(), 'x', ssrc, index, hash);
    }
    world_.recorder.note(now_ns, number(), 'r', ssrc, index, hash);
    ++counters_.rtp_received;
    if (first_media_ns_ == 0) first_media_ns_ = now_ns;
    if (!rtx) {
        track.seen.note(index, hash);
        return media(track, {plain, *opened}, index, now_ns);
    }
    if (!empty && index < highest) ++counters_.index_regressions;
    track.rtx_seen.note(index, hash);
    retransmission(track, {plain, *opened});
}

void Viewer::media(Track& track, ByteView plain, std::uint64_t index, std::int64_t now_ns) {
    const auto step = track.gaps.observe(index, now_ns);
    if (step == GapTracker::Step::regression) ++counters_.index_regressions;
    if (step == GapTracker::Step::filled) ++stats_.rtp_filled;
    if (step == GapTracker::Step::first) track.first_index = index;
    ++track.received;

    const std::int64_t gap = track.last_media_ns == 0 ? 0 : now_ns - track.last_media_ns;
    const bool resumed = gap - track.excused_ns > silence_ns && !track.returning;
    const bool returned = std::exchange(track.returning, false);
    if (returned) {
        track.gaps.forgive();
        stats_.rebind_gap_ns = std::max(stats_.rebind_gap_ns, now_ns - rebound_ns_);
    } else {
        track.max_gap_ns = std::max(track.max_gap_ns, gap);
    }
    track.last_media_ns = now_ns;
    track.excused_ns = 0;

    const auto packet = wire::RtpView::parse(plain);
    if (!packet || packet->payload_type() != track.answered.payload_type) {
        ++stats_.content_errors;
        return;
    }
    const std::int64_t rate = track.answered.kind == Kind::video ? 90 : 48;  // kHz
    const std::int64_t transit = now_ns * rate / 1'000'000 - static_cast<std::int64_t>(packet->timestamp());
    const auto difference = static_cast<std::int32_t>(transit - track.last_transit);
    if (track.received > 1) track.jitter16 += std::abs(std::int64_t{difference}) - ((track.jitter16 + 8) >> 4);
    track.last_transit = transit;
    check_content(track, packet->payload(), step, resumed, returned);
}

void Viewer::check_content(Track& track, ByteView payload, GapTracker::Step step, bool resumed, bool returned) {
    const auto read = track.answered.kind == Kind::video ? read_video(payload) : read_audio(payload);
    if (!read) {
        ++stats_.content_errors;
        return;
    }
    if (resumed && track.answered.kind == Kind::video && !read->keyframe_start) ++stats_.resumed_without_keyframe;
    const Content& content = read->content;
    if (content.stream != track.stream) {
        if (track.stream != 0) ++stats_.stream_switches;
        track.stream = content.stream;
        track.last_counter = content.counter;
        return;
    }
    using enum GapTracker::Step;
    if (step == filled || step == regression) return;
    const auto ahead = static_cast<std::int64_t>(content.counter - track.last_counter) - 1;
    if (returned) {
        track.last_counter = content.counter;
        return;
    }
    const std::int64_t hidden = ahead - (step == gap ? static_cast<std::int64_t>(track.gaps.width()) : 0);
    if (step == jump || (resumed && hidden != 0)) {
        // A switch of numbering: only what the publisher sent in between counts.
        if (ahead >= 0)
            stats_.content_jumped += static_cast<std::uint64_t>(ahead);
        else
            stats_.content_repeats += static_cast<std::uint64_t>(-ahead);
    } else {
        if (hidden > 0)
            stats_.content_lost += static_cast<std::uint64_t>(hidden);
        else
            stats_.content_repeats += static_cast<std::uint64_t>(-hidden);
    }
    track.last_counter = content.counter;
}

// RFC 4588: the payload begins with the original sequence number.
void Viewer::retransmission(Track& track, ByteView plain) {
    const auto packet = wire::RtpView::parse(plain);
    if (!packet || packet->payload().size() < 2 || packet->payload_type() != track.answered.rtx_payload_type) {
        ++stats_.content_errors;
        return;
    }
    const std::uint16_t original = load<be16>(packet->payload().data()).value();
    const std::uint64_t index = srtp::guess_index(track.seen.highest(), original);
    if (track.seen.empty() || !track.gaps.fill(index)) {
        ++stats_.rtx_useless;
        return;
    }
    const ByteView payload = packet->payload().subspan(2);
    if (!(track.answered.kind == Kind::video ? read_video(payload) : read_audio(payload))) ++stats_.content_errors;
    ++track.received;
    ++stats_.rtx_received;
}

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

void Viewer::on_tick(std::int64_t now_ns) {
    if (now_ns >= next_report_ns_) {
        next_report_ns_ = now_ns + report_interval_ns;
        send_reports(now_ns);
    }
    for (auto& track : tracks_) {
        track->gaps.expire(now_ns);
        send_feedback(*track, now_ns);
    }
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

void Viewer::send_feedback(Track& track, std::int64_t now_ns) {
    std::uint8_t buffer[1024];
    wire::RtcpWriter writer({buffer, sizeof buffer - 32});
    if (world_.options.nack && track.answered.rtx_payload_type != 0) {
        if (auto due = track.gaps.due_nacks(now_ns); !due.empty()) {
            if (due.size() > 128) due.resize(128);
            if (writer.nack(report_ssrc_, track.answered.ssrc, due)) ++stats_.nacks_sent;
        }
    }
    const auto patience = static_cast<std::int64_t>(world_.options.pli_after_s * 1e9);
    const std::int64_t since = std::max({track.last_media_ns, last_pli_ns_, rebound_ns_});
    if (track.answered.kind == Kind::video && track.answered.ssrc != 0 && now_ns - since > patience) {
        last_pli_ns_ = now_ns;
        if (writer.pli(report_ssrc_, track.answered.ssrc)) ++stats_.plis_sent;
    }
    if (writer.size() != 0) send_rtcp(buffer, writer.size());
}

Viewer::Track* Viewer::main_track() const noexcept {
    for (const auto& track : tracks_)
        if (track->answered.kind == Kind::video) return track.get();
    return tracks_.empty() ? nullptr : tracks_.front().get();
}

std::vector<TrackView> Viewer::track_views() const {
    std::vector<TrackView> views;
    for (const auto& t : tracks_)
        views.push_back({t->answered.kind, t->stream, t->last_counter, t->gaps.lost(), t->gaps.jumps(), t->gaps.forgiven()});
    return views;
}

std::int64_t Viewer::silent_ns(std::int64_t now_ns) const noexcept {
    const Track* track = main_track();
    return track == nullptr || track->last_media_ns == 0 ? 0 : now_ns - track->last_media_ns;
}

bool Viewer::stalled(std::int64_t now_ns) const noexcept {
    const Track* track = main_track();
    return first_media_ns_ == 0 || (track != nullptr && silent_ns(now_ns) - track->excused_ns > silence_ns);
}

std::int64_t Viewer::max_gap_ns(std::int64_t now_ns) const noexcept {
    const Track* track = main_track();
    if (track == nullptr) return 0;
    return track->returning ? track->max_gap_ns : std::max(track->max_gap_ns, silent_ns(now_ns));
}

void Viewer::mark(std::int64_t now_ns) noexcept {
    if (Track* track = main_track()) track->max_gap_ns = 0;
    consent().reset_max_age(now_ns);
}

}  // namespace sluice::loadgen
