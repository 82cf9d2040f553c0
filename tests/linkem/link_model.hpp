// One direction of an emulated link: rate, queue, delay, jitter, loss and reordering, for frames that the caller reads and
// writes.
//
// Theory of operation. offer() decides at once what becomes of a frame and when it leaves: a frame is lost by chance, or
// dropped when the queue in front of the bottleneck is full; otherwise it is sent when those before it are (rate), and
// arrives `delay` later, give or take `jitter`. Jitter never reorders (arrivals are kept in order); a frame that is picked
// for reordering skips the delay. take() gives the frames whose time has come. Time is passed in and the randomness is
// seeded, so a run can be repeated.
//
// Thread: one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::linkem {

using Nanoseconds = std::chrono::nanoseconds;

struct LinkOptions {
    double loss_percent = 0;
    double reorder_percent = 0;
    Nanoseconds delay{0};
    Nanoseconds jitter{0};       // uniform, within +- this
    std::uint64_t rate_bps = 0;  // 0: unlimited
    std::size_t queue_bytes = 256 * 1024;
};

// "loss=5,delay=50,jitter=2,rate=2000,queue=64,reorder=1": percent, milliseconds, kbit/s, kilobytes. The error names the bad
// part.
[[nodiscard]] std::expected<LinkOptions, std::string> parse_link(std::string_view text);

struct LinkCounters {
    std::uint64_t offered = 0;
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0;
    std::uint64_t queue_full = 0;
    std::uint64_t reordered = 0;
};

class LinkModel {
public:
    using Frame = std::vector<std::uint8_t>;

    LinkModel(const LinkOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}

    // `may_be_lost` is false for what keeps the link itself working (ARP).
    void offer(Frame frame, Nanoseconds now, bool may_be_lost = true);
    [[nodiscard]] std::optional<Frame> take(Nanoseconds now);
    // When the next frame arrives.
    [[nodiscard]] std::optional<Nanoseconds> next() const;
    [[nodiscard]] const LinkCounters& counters() const noexcept { return counters_; }

private:
    struct Waiting {
        Nanoseconds arrival;
        std::uint64_t order;
        Frame frame;
        bool operator>(const Waiting& other) const {
            return arrival != other.arrival ? arrival > other.arrival : order > other.order;
        }
    };
    [[nodiscard]] bool chance(double percent);

    LinkOptions options_;
    std::mt19937_64 random_;
    std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
    Nanoseconds bottleneck_free_{0};
    Nanoseconds last_arrival_{0};
    std::uint64_t order_ = 0;
    LinkCounters counters_;
};

}  // namespace sluice::linkem
