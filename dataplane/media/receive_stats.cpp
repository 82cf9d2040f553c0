#include "dataplane/media/receive_stats.hpp"

#include <algorithm>

namespace sluice::media {

std::int64_t ReceiveStats::on_packet(std::uint16_t seq, std::uint32_t rtp_ts, std::int64_t arrival_ns) noexcept {
    const bool first = !seqs_.started();
    const std::int64_t ext = seqs_.unwrap(seq);
    if (first) {
        base_ = ext;
    } else if (ext < base_) {
        base_ = ext;  // the first packet to arrive was not the first one sent
    }
    ++received_;
    // The arrival in RTP units modulo 2^32; the constant offset to the sender's clock cancels out.
    const std::int64_t seconds = arrival_ns / 1'000'000'000;
    const std::int64_t rest_ns = arrival_ns % 1'000'000'000;
    const auto arrival = static_cast<std::uint32_t>(seconds * clock_hz_ + rest_ns * clock_hz_ / 1'000'000'000);
    const std::uint32_t transit = arrival - rtp_ts;
    // Packets of one frame share a timestamp and leave one after the other; only the first says anything of jitter.
    if (!first && rtp_ts != last_ts_) {
        const auto d = static_cast<std::int32_t>(transit - transit_);
        // A step of over ten seconds is a timestamp discontinuity, not jitter.
        const std::int64_t distance = d < 0 ? -static_cast<std::int64_t>(d) : d;
        if (distance < static_cast<std::int64_t>(clock_hz_) * 10) {
            const std::int64_t next = jitter_x16_ + distance - ((static_cast<std::int64_t>(jitter_x16_) + 8) >> 4);
            jitter_x16_ = static_cast<std::uint32_t>(std::max<std::int64_t>(0, next));
        }
    }
    if (first || rtp_ts != last_ts_) {
        transit_ = transit;
        last_ts_ = rtp_ts;
    }
    return ext;
}

void ReceiveStats::on_sender_report(std::uint64_t ntp, std::int64_t arrival_ns) noexcept {
    last_sr_ = static_cast<std::uint32_t>(ntp >> 16);
    sr_arrival_ns_ = arrival_ns;
    have_sr_ = true;
}

std::int64_t ReceiveStats::expected() const noexcept {
    return seqs_.started() ? seqs_.highest() - base_ + 1 : 0;
}

std::int64_t ReceiveStats::lost() const noexcept {
    return expected() - static_cast<std::int64_t>(received_);
}

wire::ReportBlock ReceiveStats::report(std::uint32_t ssrc, std::int64_t now_ns) noexcept {
    wire::ReportBlock r;
    r.ssrc = ssrc;
    const std::int64_t expected_interval = expected() - expected_prior_;
    const std::int64_t lost_interval = expected_interval - static_cast<std::int64_t>(received_ - received_prior_);
    if (expected_interval > 0 && lost_interval > 0) {
        r.fraction_lost = static_cast<std::uint8_t>(std::min<std::int64_t>(255, (lost_interval << 8) / expected_interval));
    }
    expected_prior_ = expected();
    received_prior_ = received_;
    r.cumulative_lost = static_cast<std::int32_t>(std::clamp<std::int64_t>(lost(), -0x800000, 0x7fffff));
    r.highest_sequence = static_cast<std::uint32_t>(seqs_.highest());
    r.jitter = jitter();
    if (have_sr_) {
        r.last_sr = last_sr_;
        const std::int64_t delay = std::clamp<std::int64_t>(now_ns - sr_arrival_ns_, 0, 65'535'000'000'000);
        r.delay_since_last_sr = static_cast<std::uint32_t>(delay / 1000 * 65'536 / 1'000'000);
    }
    return r;
}

std::int64_t round_trip_ns(std::uint32_t now_ntp_middle, std::uint32_t last_sr, std::uint32_t delay_since_last_sr) noexcept {
    if (last_sr == 0) return 0;
    const auto rtt = static_cast<std::int32_t>(now_ntp_middle - last_sr - delay_since_last_sr);
    return rtt <= 0 ? 0 : static_cast<std::int64_t>(rtt) * 1'000'000'000 / 65'536;
}

}  // namespace sluice::media
