#include "tools/load/viewer.hpp"

#include <algorithm>
#include <cstring>

#include "controlplane/core/clock.hpp"
#include "controlplane/core/random.hpp"
#include "dataplane/srtp/replay.hpp"
#include "dataplane/wire/rtp.hpp"
#include "tools/load/viewer_track.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::int64_t silence_ns = 500'000'000;  // so long that it is no jitter

}  // namespace

// A packet that was received, as far as it is known.
struct Viewer::Arrival {
    wire::RtpView header;  // of `plain` when that is there
    bool opened = false;
    std::uint64_t index = 0;
    std::int64_t now_ns = 0;
};

Viewer::Viewer(World& world, Place place) : Peer(world, place, false), report_ssrc_(core::random_u32() | 1) {}
Viewer::~Viewer() = default;

std::vector<OfferedTrack> Viewer::tracks() {
    std::vector<OfferedTrack> offered;
    const auto add = [&](Kind kind, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) offered.push_back({kind, std::to_string(offered.size())});
    };
    if (world_.options.video_pps != 0) add(Kind::video, world_.options.viewer_videos);
    if (world_.options.audio) add(Kind::audio, world_.options.viewer_audios);
    return offered;
}

void Viewer::on_answer(const Answer& answer) {
    transport_cc_extension_ = answer.transport_cc_extension;
    for (const AnsweredTrack& answered : answer.tracks) tracks_.push_back(std::make_unique<Track>(answered, oracle()));
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

Viewer::Track* Viewer::track_of(const wire::RtpView& header) {
    const std::uint32_t ssrc = header.ssrc();
    for (auto& track : tracks_)
        if (ssrc != 0 && (track->answered.ssrc == ssrc || track->answered.rtx_ssrc == ssrc)) return track.get();
    // The answers of some servers name no SSRC: the first packet of its payload type does.
    for (auto& track : tracks_) {
        const bool is_media = header.payload_type() == track->answered.payload_type;
        const bool is_rtx =
            track->answered.rtx_payload_type != 0 && header.payload_type() == track->answered.rtx_payload_type;
        std::uint32_t& learned = is_media ? track->answered.ssrc : track->answered.rtx_ssrc;
        if ((!is_media && !is_rtx) || learned != 0) continue;
        learned = ssrc;
        return track.get();
    }
    return nullptr;
}

// An ordinary packet that is not in the sample.
bool Viewer::may_skip(const Track& track, std::uint64_t index, std::int64_t now_ns) const {
    if (oracle() || (index + number()) % world_.options.check_sample == 0) return false;
    if (track.stream == 0 || track.returning || index != track.gaps.highest() + 1) return false;
    if (track.answered.kind == Kind::video && !track.first_picture.complete()) return false;
    return now_ns - track.last_media_ns <= silence_ns;
}

void Viewer::on_rtp(ByteView sealed, std::int64_t now_ns) {
    const auto header = wire::RtpView::parse(sealed, wire::RtpView::Padding::keep);
    if (!header || sealed.size() < header->header_size() + srtp::rtp_overhead(suite())) {
        ++counters_.malformed;
        return;
    }
    Track* const found = track_of(*header);
    if (found == nullptr) {
        ++counters_.unknown_ssrc;
        return;
    }
    Track& track = *found;
    const std::uint32_t ssrc = header->ssrc();
    const bool rtx = track.answered.rtx_ssrc == ssrc;
    if (!rtx && world_.options.receive_loss > 0 &&
        static_cast<double>(world_.random() >> 11) * 0x1p-53 < world_.options.receive_loss) {
        ++stats_.thrown_away;
        return;
    }
    if (transport_cc_extension_ != 0) note_transport_sequence(*header, now_ns);
    const bool empty = rtx ? track.rtx_seen.empty() : track.seen.empty();
    const std::uint64_t highest = rtx ? track.rtx_seen.highest() : track.seen.highest();
    const std::uint64_t index = empty ? header->sequence() : srtp::guess_index(highest, header->sequence());
    const std::uint64_t hash = hash_of_tag(sealed);
    if (!rtx && !empty && may_skip(track, index, now_ns)) {
        world_.recorder.note(now_ns, number(), 'r', ssrc, index, hash);
        ++counters_.rtp_received;
        track.seen.note(index, hash);
        return media(track, {*header, false, index, now_ns});
    }
    const auto before = rtx ? track.rtx_seen.find(index) : track.seen.find(index);
    if (before == hash) {
        ++counters_.duplicates;
        return world_.recorder.note(now_ns, number(), 'R', ssrc, index, hash);
    }
    std::uint8_t plain[2048];
    const auto opened = open_rtp(sealed, header->header_size(), index, before.has_value(), plain);
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
        if (const auto packet = wire::RtpView::parse({plain, *opened}))
            media(track, {*packet, true, index, now_ns});
        else
            ++stats_.content_errors;
        return;
    }
    if (!empty && index < highest) ++counters_.index_regressions;
    track.rtx_seen.note(index, hash);
    retransmission(track, {plain, *opened}, now_ns);
}

void Viewer::media(Track& track, const Arrival& arrival) {
    const auto [packet, opened, index, now_ns] = arrival;
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

    if (packet.payload_type() != track.answered.payload_type) {
        ++stats_.content_errors;
        return;
    }
    const std::int64_t rate = track.answered.kind == Kind::video ? 90 : 48;  // kHz
    const std::int64_t transit = now_ns * rate / 1'000'000 - static_cast<std::int64_t>(packet.timestamp());
    const auto difference = static_cast<std::int32_t>(transit - track.last_transit);
    if (track.received > 1) track.jitter16 += std::abs(std::int64_t{difference}) - ((track.jitter16 + 8) >> 4);
    track.last_transit = transit;
    if (opened) check_content(track, arrival, step, resumed, returned);
}

void Viewer::check_content(Track& track, const Arrival& arrival, GapTracker::Step step, bool resumed, bool returned) {
    ++stats_.checked;
    const ByteView payload = arrival.header.payload();
    const auto read = track.answered.kind == Kind::video ? read_video(payload) : read_audio(payload);
    if (!read) {
        ++stats_.content_errors;
        return;
    }
    if (track.answered.kind == Kind::video) {
        if (step == GapTracker::Step::first) track.wants_start = !read->keyframe_start;
        picture(track, arrival.header, arrival.index, read->keyframe_start, arrival.now_ns);
        if (resumed && !read->keyframe_start) ++stats_.resumed_without_keyframe;
    }
    const Content& content = read->content;
    world_.latency.add(arrived_ns() - content.sent_ns);
    using enum GapTracker::Step;
    const bool switched = content.stream != track.stream;
    if (switched && track.stream != 0) ++stats_.stream_switches;
    if (!switched && (step == filled || step == regression)) return;
    if (!switched && !returned) {
        // What the publisher sent since the packet that was read last, but for those that came and were not read.
        const auto unread = static_cast<std::int64_t>(arrival.index - track.gaps.width() - 1) -
                            static_cast<std::int64_t>(track.counted_index);
        const auto ahead = static_cast<std::int64_t>(content.counter - track.last_counter) - 1 - unread;
        const std::int64_t hidden = ahead - (step == gap ? static_cast<std::int64_t>(track.gaps.width()) : 0);
        // At a switch of numbering only what the publisher sent in between counts.
        const bool numbering = step == jump || (resumed && hidden != 0);
        const std::int64_t left_out = numbering ? ahead : hidden;
        auto& lost = numbering ? stats_.content_jumped : stats_.content_lost;
        (left_out > 0 ? lost : stats_.content_repeats) += static_cast<std::uint64_t>(std::abs(left_out));
    }
    track.stream = content.stream;
    track.last_counter = content.counter;
    track.counted_index = arrival.index;
}

void Viewer::picture(Track& track, const wire::RtpView& packet, std::uint64_t index, bool keyframe_start,
                     std::int64_t now_ns) {
    if (!track.first_picture.complete() &&
        track.first_picture.observe(index, packet.timestamp(), keyframe_start, packet.marker()) && first_picture_ns_ == 0)
        first_picture_ns_ = now_ns;
}

// RFC 4588: the payload begins with the original sequence number.
void Viewer::retransmission(Track& track, ByteView plain, std::int64_t now_ns) {
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
    const auto read = track.answered.kind == Kind::video ? read_video(payload) : read_audio(payload);
    if (!read) ++stats_.content_errors;
    if (read && track.answered.kind == Kind::video) picture(track, *packet, index, read->keyframe_start, now_ns);
    ++track.received;
    ++stats_.rtx_received;
}

bool Viewer::wants_picture() const noexcept {
    return first_picture_ns_ == 0 &&
           std::any_of(tracks_.begin(), tracks_.end(), [](const auto& t) { return t->answered.kind == Kind::video; });
}

bool Viewer::calm() const noexcept {
    if (phase() != Phase::connected) return phase() > Phase::connected;
    return !wants_picture() && std::all_of(tracks_.begin(), tracks_.end(), [](const auto& t) { return t->gaps.complete(); });
}

Viewer::Track* Viewer::main_track() const noexcept {
    for (const auto& track : tracks_)
        if (track->answered.kind == Kind::video) return track.get();
    return tracks_.empty() ? nullptr : tracks_.front().get();
}

std::uint64_t Viewer::lost() const noexcept {
    std::uint64_t lost = 0;
    for (const auto& track : tracks_) lost += track->gaps.lost();
    return lost;
}

std::vector<TrackView> Viewer::track_views() const {
    std::vector<TrackView> views;
    for (const auto& t : tracks_) {
        const std::uint64_t unread = t->stream == 0 ? 0 : t->gaps.highest() - t->counted_index;
        views.push_back(
            {t->answered.kind, t->stream, t->last_counter + unread, t->gaps.lost(), t->gaps.jumps(), t->gaps.forgiven()});
    }
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
