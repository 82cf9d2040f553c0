// A WHIP publisher: frames on a clock, key frames on PLI, FIR and an interval, sender reports, RTX for NACKs. Main thread
// only.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "tools/load/content.hpp"
#include "tools/load/peer.hpp"

namespace sluice::loadgen {

struct PublisherCounters {
    std::uint64_t rtp_sent = 0;  // without RTX
    std::uint64_t keyframes = 0;
    std::uint64_t rtx_sent = 0, rtx_unknown = 0;
    std::uint64_t plis = 0, firs = 0, nacks = 0, transport_cc = 0, rembs = 0, receiver_reports = 0;
    std::uint64_t upstream_lost = 0;  // as the SFU reports it
};

struct SentTrack {
    Kind kind = Kind::video;
    std::uint32_t stream = 0;
    std::uint64_t count = 0;
};

class Publisher final : public Peer {
public:
    Publisher(World& world, Place place);
    ~Publisher() override;

    // When tick() should be called next to keep the frame clock; INT64_MAX when there is nothing to send.
    [[nodiscard]] std::int64_t next_frame_ns() const noexcept;
    void stop() noexcept { stopped_ = true; }  // no more media; reports and checks go on
    void request_keyframe() noexcept { keyframe_wanted_ = true; }

    [[nodiscard]] const PublisherCounters& publisher_counters() const noexcept { return stats_; }
    [[nodiscard]] std::vector<SentTrack> sent_tracks() const;

private:
    struct Track;

    std::vector<OfferedTrack> tracks() override;
    void on_answer(const Answer& answer) override;
    void on_connected(std::int64_t now_ns) override;
    void on_rtp(ByteView, std::int64_t) override { ++counters_.unknown_ssrc; }
    void on_rtcp(ByteView plain, std::int64_t now_ns) override;
    void on_tick(std::int64_t now_ns) override;

    void send_frame(Track& track, std::int64_t now_ns);
    struct Sent;
    void send_packet(Track& track, const VideoPlace& place, std::uint32_t timestamp, bool marker, std::int64_t now_ns);
    [[nodiscard]] std::size_t write_payload(const Track& track, const Sent& sent, ByteSpan out) const;
    void seal_and_send(Track& track, bool rtx, ByteView payload, std::uint32_t timestamp, bool marker, std::uint64_t index);
    void resend(Track& track, std::uint16_t sequence);
    void send_reports(std::int64_t now_ns);
    [[nodiscard]] Track* track_of(std::uint32_t ssrc);

    std::vector<std::unique_ptr<Track>> tracks_;
    PublisherCounters stats_;
    std::uint16_t transport_sequence_ = 0;
    std::int64_t next_report_ns_ = 0, last_keyframe_ns_ = 0;
    bool keyframe_wanted_ = true;
    bool stopped_ = false;
};

}  // namespace sluice::loadgen
