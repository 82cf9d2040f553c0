#include "tools/load/progress.hpp"

#include <unistd.h>

namespace sluice::loadgen {
namespace {

constexpr std::int64_t interval_ns = 1'000'000'000;

}  // namespace

Progress::Progress(std::FILE* out) : out_(out), terminal_(out != nullptr && ::isatty(::fileno(out)) == 1) {}

std::string Progress::line(const Crowd& crowd, std::uint32_t viewers_wanted, std::int64_t now_ns) {
    std::array<std::size_t, 7> phases{};
    std::uint64_t packets = 0, bytes = 0, lost = 0, pictures = 0, videos = 0;
    for (const auto& viewer : crowd.viewers) {
        ++phases[static_cast<std::size_t>(viewer->phase())];
        packets += viewer->counters().rtp_received;
        bytes += viewer->counters().bytes_received;
        lost += viewer->lost();
        pictures += viewer->first_picture_ns() != 0;
        videos += viewer->first_picture_ns() != 0 || viewer->wants_picture();
    }
    const double seconds = last_ns_ == 0 ? 0 : static_cast<double>(now_ns - last_ns_) / 1e9;
    const auto rate = [&](std::uint64_t now, std::uint64_t before) {
        return seconds <= 0 ? 0 : static_cast<double>(now - before) / seconds;
    };
    const auto in = [&](Phase phase) { return phases[static_cast<std::size_t>(phase)]; };
    char text[256];
    std::snprintf(
        text, sizeof text,
        "viewers %zu/%u connected, %zu posting, %zu checking, %zu in DTLS, %zu failed | %llu/%llu have a picture | "
        "%.1f kpps %.1f Mbit/s, lost %llu",
        in(Phase::connected), viewers_wanted, in(Phase::joining), in(Phase::checking), in(Phase::handshaking),
        in(Phase::failed), static_cast<unsigned long long>(pictures), static_cast<unsigned long long>(videos),
        rate(packets, last_packets_) / 1e3, rate(bytes, last_bytes_) * 8 / 1e6, static_cast<unsigned long long>(lost));
    last_ns_ = now_ns;
    last_packets_ = packets;
    last_bytes_ = bytes;
    return text;
}

void Progress::show(const Crowd& crowd, std::uint32_t viewers_wanted, std::int64_t now_ns) {
    next_ns_ = now_ns + interval_ns;
    const std::string text = line(crowd, viewers_wanted, now_ns);
    std::fprintf(out_, terminal_ ? "\r\x1b[K%s" : "%s\n", text.c_str());
    std::fflush(out_);
    open_ = terminal_;
}

void Progress::end() {
    if (open_) std::fputc('\n', out_);
    open_ = false;
}

}  // namespace sluice::loadgen
