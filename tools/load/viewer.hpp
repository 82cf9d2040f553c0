// A WHEP viewer: opens packets, checks content and numbering, reports, asks again for what is missing, and asks for a key
// frame as libwebrtc does: when media begins without one, every 200 ms until there is a picture, and when it stands still.
//
// An oracle opens every packet. A lean viewer opens whatever is out of the ordinary (the beginning until there is a picture,
// gaps, repetitions, what follows a silence) and otherwise one packet in --check-sample, by which the content of those in
// between is accounted for too: the publisher's counter must have gone as far as the SFU's numbers. Main thread only.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "dataplane/media/twcc_recorder.hpp"
#include "dataplane/wire/rtp.hpp"
#include "tools/load/content.hpp"
#include "tools/load/first_picture.hpp"
#include "tools/load/gap_tracker.hpp"
#include "tools/load/peer.hpp"

namespace sluice::loadgen {

struct ViewerCounters {
    std::uint64_t rtx_received = 0;  // that filled a gap
    std::uint64_t rtx_useless = 0;
    std::uint64_t rtp_filled = 0;       // late, in a gap
    std::uint64_t thrown_away = 0;      // by --receive-loss
    std::uint64_t content_errors = 0;   // CRC, payload type, or not ours
    std::uint64_t content_lost = 0;     // packets of the publisher that the SFU left out without a gap in its numbers
    std::uint64_t content_repeats = 0;  // the same, twice
    std::uint64_t content_jumped = 0;   // left out where its numbers jumped too (a restart)
    std::uint64_t stream_switches = 0;
    std::uint64_t resumed_without_keyframe = 0;  // first video packet after a gap of half a second
    std::uint64_t checked = 0;                   // packets opened and compared
    std::uint64_t nacks_sent = 0, plis_sent = 0, transport_cc_sent = 0, sender_reports = 0;
    std::uint64_t rebinds = 0;
    std::int64_t rebind_gap_ns = 0;  // longest, from the move to the first packet after it
};

struct TrackView {
    Kind kind = Kind::video;
    std::uint32_t stream = 0;  // 0: nothing came yet
    std::uint64_t last_counter = 0;
    std::uint64_t lost = 0;
    std::uint64_t jumps = 0;
    std::uint64_t rebind_lost = 0;
};

class Viewer final : public Peer {
public:
    Viewer(World& world, Place place);
    ~Viewer() override;

    [[nodiscard]] const ViewerCounters& viewer_counters() const noexcept { return stats_; }
    [[nodiscard]] std::vector<TrackView> track_views() const;
    [[nodiscard]] std::uint64_t lost() const noexcept;  // packets of all tracks, the waited for included
    // Of the first RTP packet that opened; 0 before.
    [[nodiscard]] std::int64_t first_media_ns() const noexcept { return first_media_ns_; }
    [[nodiscard]] std::int64_t connected_ns() const noexcept { return connected_ns_; }
    // Of the packet that completed the first key frame; 0 before, and for viewers without video.
    [[nodiscard]] std::int64_t first_picture_ns() const noexcept { return first_picture_ns_; }
    [[nodiscard]] bool wants_picture() const noexcept;
    [[nodiscard]] bool calm() const noexcept override;
    // Silence on the main track: the longest since the mark, the one under way included.
    [[nodiscard]] std::int64_t max_gap_ns(std::int64_t now_ns) const noexcept;
    [[nodiscard]] std::int64_t silent_ns(std::int64_t now_ns) const noexcept;
    // Without media for half a second in which we ourselves did not stand still, or since ever.
    [[nodiscard]] bool stalled(std::int64_t now_ns) const noexcept;
    void mark(std::int64_t now_ns) noexcept;

    std::int64_t wanted_ns = 0;    // when it was to join; its POST may have waited for others
    std::int64_t posted_ns = 0;    // when the POST that was answered began
    std::int64_t answered_ns = 0;  // when its answer was there

private:
    struct Track;

    std::vector<OfferedTrack> tracks() override;
    void on_answer(const Answer& answer) override;
    void on_connected(std::int64_t now_ns) override;
    void on_rtp(ByteView sealed, std::int64_t now_ns) override;
    void on_rtcp(ByteView plain, std::int64_t now_ns) override;
    void on_tick(std::int64_t now_ns) override;
    void on_rebind() override;
    void on_excuse(std::int64_t ns) override;

    struct Arrival;
    [[nodiscard]] Track* track_of(const wire::RtpView& header);
    [[nodiscard]] bool may_skip(const Track& track, std::uint64_t index, std::int64_t now_ns) const;
    void media(Track& track, const Arrival& arrival);
    void check_content(Track& track, const Arrival& arrival, GapTracker::Step step, bool resumed, bool returned);
    void picture(Track& track, const wire::RtpView& packet, std::uint64_t index, bool keyframe_start, std::int64_t now_ns);
    void retransmission(Track& track, ByteView plain, std::int64_t now_ns);
    void note_transport_sequence(const wire::RtpView& header, std::int64_t now_ns);
    [[nodiscard]] bool wants_keyframe(const Track& track, std::int64_t now_ns) const;
    void send_reports(std::int64_t now_ns);
    void send_feedback(Track& track, std::int64_t now_ns);
    void send_transport_cc(std::int64_t now_ns);
    [[nodiscard]] Track* main_track() const noexcept;

    std::vector<std::unique_ptr<Track>> tracks_;
    ViewerCounters stats_;
    std::uint32_t report_ssrc_;
    std::int64_t connected_ns_ = 0, first_media_ns_ = 0, first_picture_ns_ = 0;
    std::int64_t next_report_ns_ = 0, last_pli_ns_ = 0, next_transport_cc_ns_ = 0;
    std::uint8_t transport_cc_extension_ = 0;
    std::unique_ptr<media::TwccRecorder> transport_cc_;  // from the first packet that bears its number
    std::int64_t rebound_ns_ = 0;
};

}  // namespace sluice::loadgen
