#include "dataplane/media/sender_clock.hpp"

namespace sluice::media {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::uint64_t unix_epoch_in_ntp_s = 2'208'988'800;

// Exact for any sign and length: whole seconds apart from the rest.
std::int64_t scale(std::int64_t ns, std::int64_t units_per_s) noexcept {
    return ns / ns_per_s * units_per_s + ns % ns_per_s * units_per_s / ns_per_s;
}

}  // namespace

std::uint64_t ntp_add_ns(std::uint64_t ntp, std::int64_t ns) noexcept {
    const auto seconds = static_cast<std::uint64_t>(ns / ns_per_s) << 32;
    const std::int64_t fraction = ns % ns_per_s * (std::int64_t{1} << 32) / ns_per_s;
    return ntp + seconds + static_cast<std::uint64_t>(fraction);
}

std::uint64_t ntp_from_unix_ns(std::int64_t unix_ns) noexcept {
    return ntp_add_ns(unix_epoch_in_ntp_s << 32, unix_ns);
}

void SenderClock::on_sender_report(std::uint64_t ntp, std::uint32_t rtp_ts, std::int64_t arrival_ns) noexcept {
    ntp_ = ntp;
    rtp_ts_ = rtp_ts;
    arrival_ns_ = arrival_ns;
    anchored_ = from_sr_ = true;
}

void SenderClock::on_packet(std::uint32_t rtp_ts, std::int64_t arrival_ns, std::int64_t wall_unix_ns) noexcept {
    if (anchored_) return;
    ntp_ = ntp_from_unix_ns(wall_unix_ns);
    rtp_ts_ = rtp_ts;
    arrival_ns_ = arrival_ns;
    anchored_ = true;
}

std::optional<SrTimes> SenderClock::at(std::int64_t now_ns) const noexcept {
    if (!anchored_) return std::nullopt;
    const std::int64_t elapsed = now_ns - arrival_ns_;
    return SrTimes{ntp_add_ns(ntp_, elapsed), rtp_ts_ + static_cast<std::uint32_t>(scale(elapsed, clock_hz_))};
}

std::optional<SrTimes> SenderClock::for_leg(std::int64_t now_ns, std::uint32_t ts_delta) const noexcept {
    auto times = at(now_ns);
    if (times) times->rtp_ts += ts_delta;
    return times;
}

}  // namespace sluice::media
