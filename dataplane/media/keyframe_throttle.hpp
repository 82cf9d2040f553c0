// Coalesces the keyframe requests of all viewers of one source into few PLIs to its publisher.
//
// Theory of operation: a request makes somebody wait; poll() says when to send. Requests within max(300 ms, RTT) of
// the last PLI ride on it. The next start of a keyframe serves everybody who waits.
// If none comes, the PLI is sent again after max(500 ms, 2 RTT), doubling to 2 s.
#pragma once

#include <cstdint>

namespace sluice::media {

// Owning worker only.
class KeyframeThrottle {
public:
    static constexpr std::int64_t min_interval_ns = 300'000'000;
    static constexpr std::int64_t first_retry_ns = 500'000'000;
    static constexpr std::int64_t max_retry_ns = 2'000'000'000;

    // A viewer wants a keyframe (PLI, FIR, a new leg, a switch of layer).
    void request() noexcept;
    // The first packet of a keyframe came from the publisher.
    void on_keyframe() noexcept;
    // True if a PLI is to be sent now; it counts as sent. Call after request() and on each tick.
    [[nodiscard]] bool poll(std::int64_t now_ns, std::int64_t rtt_ns) noexcept;

    // When poll() will say so, INT64_MAX while nobody waits.
    [[nodiscard]] std::int64_t due_ns(std::int64_t rtt_ns) const noexcept;

    [[nodiscard]] bool waiting() const noexcept { return waiting_; }
    [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
    [[nodiscard]] std::uint64_t retries() const noexcept { return retries_; }

private:
    std::int64_t last_sent_ns_ = INT64_MIN / 2;
    std::uint64_t requests_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t retries_ = 0;
    std::uint8_t unanswered_ = 0;  // PLIs since the last keyframe
    bool waiting_ = false;
};

}  // namespace sluice::media
