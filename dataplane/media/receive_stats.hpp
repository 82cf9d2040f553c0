// Reception statistics of one SSRC for the report block that we send its publisher (RFC 3550 A.3, A.8, 6.4.1).
#pragma once

#include <cstdint>

#include "dataplane/media/unwrap.hpp"
#include "dataplane/wire/rtcp_reports.hpp"

namespace sluice::media {

// Owning worker only. Packets recovered by RTX are not fed: they did not arrive on this stream.
class ReceiveStats {
public:
    explicit ReceiveStats(std::uint32_t clock_hz = 90'000) noexcept : clock_hz_(clock_hz) {}

    // Returns the extended sequence number. Only authenticated packets, so no probation (A.1).
    std::int64_t on_packet(std::uint16_t seq, std::uint32_t rtp_ts, std::int64_t arrival_ns) noexcept;
    void on_sender_report(std::uint64_t ntp, std::int64_t arrival_ns) noexcept;

    // Starts a new interval for fraction_lost.
    [[nodiscard]] wire::ReportBlock report(std::uint32_t ssrc, std::int64_t now_ns) noexcept;

    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    [[nodiscard]] std::int64_t expected() const noexcept;
    [[nodiscard]] std::int64_t lost() const noexcept;  // negative with duplicates
    [[nodiscard]] std::uint32_t jitter() const noexcept { return jitter_x16_ >> 4; }
    [[nodiscard]] bool active() const noexcept { return seqs_.started(); }

private:
    SeqUnwrapper seqs_;
    std::int64_t base_ = 0;
    std::uint64_t received_ = 0;
    std::int64_t expected_prior_ = 0;
    std::uint64_t received_prior_ = 0;
    std::int64_t sr_arrival_ns_ = 0;
    std::uint32_t clock_hz_;
    std::uint32_t jitter_x16_ = 0;
    std::uint32_t transit_ = 0;
    std::uint32_t last_sr_ = 0;
    std::uint32_t last_ts_ = 0;
    bool have_sr_ = false;
};

// The round trip of a report block that came back to us: `now_ntp_middle` - LSR - DLSR (RFC 3550 section 6.4.1), ns.
// Negative or without an SR: 0.
[[nodiscard]] std::int64_t round_trip_ns(std::uint32_t now_ntp_middle, std::uint32_t last_sr,
                                         std::uint32_t delay_since_last_sr) noexcept;

}  // namespace sluice::media
