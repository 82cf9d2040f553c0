// Sender reports towards viewers, derived from the publisher's, so that lip sync holds across the SFU.
//
// Theory of operation: the publisher's SRs tie its RTP clocks to its NTP clock. A viewer only needs audio and video of
// one publisher on one NTP clock, so we keep the publisher's, extrapolated by the local time since its SR arrived, and
// move only the RTP timestamp by the leg's offset. Before the first SR the local wall clock stands in, anchored at a
// packet's arrival; both media are then off by at most their difference in delay.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice::media {

// NTP 32.32 fixed point, seconds since 1900 (RFC 3550 section 4).
[[nodiscard]] std::uint64_t ntp_from_unix_ns(std::int64_t unix_ns) noexcept;
[[nodiscard]] std::uint64_t ntp_add_ns(std::uint64_t ntp, std::int64_t ns) noexcept;
[[nodiscard]] constexpr std::uint32_t ntp_middle(std::uint64_t ntp) noexcept {
    return static_cast<std::uint32_t>(ntp >> 16);
}

struct SrTimes {
    std::uint64_t ntp = 0;
    std::uint32_t rtp_ts = 0;
};

// One per source. Owning worker only.
class SenderClock {
public:
    explicit SenderClock(std::uint32_t clock_hz = 90'000) noexcept : clock_hz_(clock_hz) {}

    void on_sender_report(std::uint64_t ntp, std::uint32_t rtp_ts, std::int64_t arrival_ns) noexcept;
    // Feeds the fallback; needed only until has_sender_report(). `wall_unix_ns` is the time of day at `arrival_ns`.
    void on_packet(std::uint32_t rtp_ts, std::int64_t arrival_ns, std::int64_t wall_unix_ns) noexcept;

    // The publisher's NTP and RTP time at local time `now_ns`; nullopt before any packet or SR.
    [[nodiscard]] std::optional<SrTimes> at(std::int64_t now_ns) const noexcept;
    // The same for a leg whose timestamps are the source's plus `ts_delta` (LegRewriter::ts_delta()).
    [[nodiscard]] std::optional<SrTimes> for_leg(std::int64_t now_ns, std::uint32_t ts_delta) const noexcept;

    [[nodiscard]] bool has_sender_report() const noexcept { return from_sr_; }

private:
    std::uint64_t ntp_ = 0;
    std::int64_t arrival_ns_ = 0;
    std::uint32_t rtp_ts_ = 0;
    std::uint32_t clock_hz_;
    bool anchored_ = false;
    bool from_sr_ = false;
};

}  // namespace sluice::media
