#include "tools/load/publisher.hpp"

#include <algorithm>
#include <bit>

#include "controlplane/core/clock.hpp"
#include "controlplane/core/random.hpp"
#include "dataplane/media/sender_clock.hpp"
#include "dataplane/wire/rtcp.hpp"
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_reports.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/rtp_writer.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t keyframe_throttle_ns = 200'000'000;
constexpr std::int64_t audio_interval_ns = 20'000'000;

}  // namespace

// What is needed to make the same packet again.
struct Publisher::Sent {
    std::uint64_t index = ~std::uint64_t{0};
    std::uint64_t counter = 0;
    std::int64_t sent_ns = 0;
    std::uint32_t timestamp = 0;
    VideoPlace place;
    bool marker = false;
};

struct Publisher::Track {
    OfferedTrack offered;
    std::uint8_t payload_type = 0, rtx_payload_type = 0;
    std::uint64_t index = 0, rtx_index = 0;
    std::uint32_t first_timestamp = 0;
    std::uint32_t stream = 0;
    std::uint64_t count = 0, octets = 0, frames = 0;
    std::int64_t started_ns = 0, next_ns = 0;
    double owed = 0;            // packets of a frame that are less than one
    std::vector<Sent> history;  // of a few seconds

    [[nodiscard]] std::uint32_t timestamp_at(std::int64_t now_ns) const noexcept {
        const std::int64_t khz = offered.kind == Kind::video ? 90 : 48;
        return first_timestamp + static_cast<std::uint32_t>((now_ns - started_ns) * khz / 1'000'000);
    }
};

Publisher::Publisher(World& world, Place place) : Peer(world, place, true) {
    const auto add = [&](Kind kind) {
        auto track = std::make_unique<Track>();
        track->offered = {kind, std::to_string(tracks_.size()), core::random_u32() | 1, 0};
        if (kind == Kind::video) track->offered.rtx_ssrc = track->offered.ssrc + 2;
        track->index = world.options.start_sequence.value_or(static_cast<std::uint16_t>(core::random_u32() & 0x7fff));
        track->rtx_index = core::random_u32() & 0x7fff;
        track->first_timestamp = core::random_u32();
        track->stream = core::random_u32() | 1;
        track->history.resize(kind == Kind::video ? std::bit_ceil(std::clamp(4 * world.options.video_pps, 256U, 1024U))
                                                  : 256);
        tracks_.push_back(std::move(track));
    };
    if (world.options.video_pps != 0) add(Kind::video);
    if (world.options.audio) add(Kind::audio);
}

Publisher::~Publisher() = default;

std::vector<OfferedTrack> Publisher::tracks() {
    std::vector<OfferedTrack> offered;
    for (const auto& track : tracks_) offered.push_back(track->offered);
    return offered;
}

void Publisher::on_answer(const Answer& answer) {
    for (auto& track : tracks_) {
        const auto found = std::find_if(answer.tracks.begin(), answer.tracks.end(),
                                        [&](const auto& a) { return a.mid == track->offered.mid; });
        if (found == answer.tracks.end() || found->payload_type == 0)
            return fail("the SFU refuses our track " + track->offered.mid);
        track->payload_type = found->payload_type;
        track->rtx_payload_type = found->rtx_payload_type;
    }
}

void Publisher::on_connected(std::int64_t now_ns) {
    for (auto& track : tracks_) track->started_ns = track->next_ns = now_ns;
    next_report_ns_ = now_ns;
}

std::int64_t Publisher::next_frame_ns() const noexcept {
    std::int64_t next = INT64_MAX;
    if (phase() != Phase::connected || stopped_) return next;
    for (const auto& track : tracks_) next = std::min(next, track->next_ns);
    return next;
}

void Publisher::on_tick(std::int64_t now_ns) {
    for (auto& track : tracks_) {
        // After a stall of this process there is no burst to catch up.
        if (now_ns - track->next_ns > second_ns / 4) track->next_ns = now_ns;
        while (!stopped_ && track->next_ns <= now_ns) {
            send_frame(*track, now_ns);
            track->next_ns += track->offered.kind == Kind::audio ? audio_interval_ns : second_ns / world_.options.fps;
        }
    }
    if (now_ns >= next_report_ns_) {
        next_report_ns_ = now_ns + second_ns;
        send_reports(now_ns);
    }
}

void Publisher::send_frame(Track& track, std::int64_t now_ns) {
    const std::uint32_t timestamp = track.timestamp_at(track.next_ns);
    if (track.offered.kind == Kind::audio) return send_packet(track, {}, timestamp, track.count == 0, now_ns);
    const auto interval = static_cast<std::int64_t>(world_.options.keyframe_interval_s * 1e9);
    const bool due = interval != 0 && now_ns - last_keyframe_ns_ >= interval;
    const bool keyframe = due || (keyframe_wanted_ && now_ns - last_keyframe_ns_ >= keyframe_throttle_ns);
    track.owed += static_cast<double>(world_.options.video_pps) / world_.options.fps;
    auto packets = static_cast<std::uint32_t>(track.owed);
    track.owed -= packets;
    if (keyframe) {
        keyframe_wanted_ = false;
        last_keyframe_ns_ = now_ns;
        ++stats_.keyframes;
        packets = std::max(packets, world_.options.keyframe_packets);
    }
    // Each packet bears the time at which it is sent: a large key frame takes a while.
    for (std::uint32_t i = 0; i < packets; ++i)
        send_packet(track, {i == 0, keyframe, static_cast<std::uint16_t>(track.frames)}, timestamp, i + 1 == packets,
                    core::monotonic_ns());
    ++track.frames;
}

std::size_t Publisher::write_payload(const Track& track, const Sent& sent, ByteSpan out) const {
    const Content content{track.stream, sent.counter, sent.sent_ns};
    if (track.offered.kind == Kind::audio) {
        write_audio(out.first(audio_payload), content);
        return audio_payload;
    }
    write_video(out.first(world_.options.video_size), sent.place, content);
    return world_.options.video_size;
}

void Publisher::send_packet(Track& track, const VideoPlace& place, std::uint32_t timestamp, bool marker,
                            std::int64_t now_ns) {
    Sent& sent = track.history[track.index % track.history.size()];
    sent = {track.index, track.count, now_ns, timestamp, place, marker};
    std::uint8_t payload[1200];
    const std::size_t size = write_payload(track, sent, payload);
    seal_and_send(track, false, {payload, size}, timestamp, marker, track.index++);
    ++track.count;
    track.octets += size;
    ++stats_.rtp_sent;
}

void Publisher::seal_and_send(Track& track, bool rtx, ByteView payload, std::uint32_t timestamp, bool marker,
                              std::uint64_t index) {
    std::uint8_t packet[1500];
    const std::uint32_t ssrc = rtx ? track.offered.rtx_ssrc : track.offered.ssrc;
    std::array<std::uint8_t, 2> transport_sequence{};
    store(transport_sequence.data(), be16(transport_sequence_++));
    const std::string& mid = track.offered.mid;
    const wire::RtpExtensionElement elements[] = {
        {mid_extension, {reinterpret_cast<const std::uint8_t*>(mid.data()), mid.size()}},
        {transport_cc_extension, transport_sequence}};
    const auto header = wire::write_rtp_header(
        {packet, 128},
        {rtx ? track.rtx_payload_type : track.payload_type, marker, static_cast<std::uint16_t>(index), timestamp, ssrc},
        elements);
    if (!header) return;
    srtp::SealJob job{.key = &tx_,
                      .dst = packet,
                      .header_len = static_cast<std::uint16_t>(*header),
                      .payload_len = static_cast<std::uint16_t>(payload.size()),
                      .payload = payload.data(),
                      .index = index,
                      .ssrc = ssrc};
    sealer().seal_rtp({&job, 1});
    if (job.out_len != 0) send_datagram({packet, job.out_len});
}

void Publisher::resend(Track& track, std::uint16_t sequence) {
    ++stats_.nacks;
    const std::uint64_t index = track.index - 1 - static_cast<std::uint16_t>(track.index - 1 - sequence);
    const auto& kept = track.history[index % track.history.size()];
    if (kept.index != index || track.rtx_payload_type == 0) {
        ++stats_.rtx_unknown;
        return;
    }
    std::uint8_t payload[1202];
    store(payload, be16(sequence));
    const std::size_t size = write_payload(track, kept, {payload + 2, sizeof payload - 2});
    seal_and_send(track, true, {payload, 2 + size}, kept.timestamp, kept.marker, track.rtx_index++);
    ++stats_.rtx_sent;
}

Publisher::Track* Publisher::track_of(std::uint32_t ssrc) {
    for (auto& track : tracks_)
        if (track->offered.ssrc == ssrc) return track.get();
    return nullptr;
}

void Publisher::on_rtcp(ByteView plain, std::int64_t) {
    auto reader = wire::RtcpReader::parse(plain);
    if (!reader) {
        ++counters_.malformed;
        return;
    }
    bool clean = true;
    while (const auto packet = reader->next()) {
        if (packet->is(wire::RtcpType::transport_feedback, wire::rtpfb_transport_cc)) ++stats_.transport_cc;
        if (packet->is(wire::RtcpType::transport_feedback, wire::rtpfb_nack)) {
            Track* track = track_of(wire::feedback_media_ssrc(*packet));
            clean &=
                track != nullptr && wire::for_each_nack(*packet, [&](std::uint16_t s) { resend(*track, s); }).has_value();
        }
        if (packet->is(wire::RtcpType::payload_feedback, wire::psfb_pli)) {
            const auto ssrc = wire::read_pli(*packet);
            clean &= ssrc && track_of(*ssrc) != nullptr;
            ++stats_.plis;
            keyframe_wanted_ = true;
        }
        if (packet->is(wire::RtcpType::payload_feedback, wire::psfb_fir)) {
            ++stats_.firs;
            keyframe_wanted_ = true;
        }
        if (packet->is(wire::RtcpType::payload_feedback, wire::psfb_application)) ++stats_.rembs;
        if (packet->type == wire::RtcpType::receiver_report) {
            ++stats_.receiver_reports;
            clean &= wire::for_each_report_block(*packet, [&](const wire::ReportBlock& block) {
                         if (track_of(block.ssrc) != nullptr && block.cumulative_lost > 0)
                             stats_.upstream_lost = std::max<std::uint64_t>(
                                 stats_.upstream_lost, static_cast<std::uint64_t>(block.cumulative_lost));
                     }).has_value();
        }
    }
    if (!clean) ++counters_.malformed;
}

void Publisher::send_reports(std::int64_t now_ns) {
    for (auto& track : tracks_) {
        std::uint8_t buffer[256];
        wire::RtcpWriter writer({buffer, sizeof buffer - 32});
        const wire::SenderInfo info{media::ntp_from_unix_ns(core::unix_ns()), track->timestamp_at(now_ns),
                                    static_cast<std::uint32_t>(track->count), static_cast<std::uint32_t>(track->octets)};
        if (writer.sender_report(track->offered.ssrc, info) && writer.sdes_cname(track->offered.ssrc, cname_))
            send_rtcp(buffer, writer.size());
    }
}

std::vector<SentTrack> Publisher::sent_tracks() const {
    std::vector<SentTrack> sent;
    for (const auto& track : tracks_) sent.push_back({track->offered.kind, track->stream, track->count});
    return sent;
}

}  // namespace sluice::loadgen
