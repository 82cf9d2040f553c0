// Asks a publisher again for what was lost on the way to us (RFC 4585 generic NACK).
//
// Theory of operation: a step of the received sequence by more than one puts the packets between into a small list,
// oldest first. An entry is asked for once it has been missing for the reorder tolerance, then again every max(20 ms,
// RTT), and is given up after 10 requests, after a second, or when the sequence is 512 ahead. The list is empty
// almost always, so a packet in order costs one comparison.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace sluice::media {

// Owning worker only. Times are int64 nanoseconds of any monotone clock.
class UpstreamNack {
public:
    static constexpr std::int64_t reorder_tolerance_ns = 15'000'000;
    static constexpr std::int64_t min_retry_ns = 20'000'000;
    static constexpr std::int64_t give_up_ns = 1'000'000'000;
    static constexpr int max_tries = 10;
    static constexpr std::int64_t window = 512;
    static constexpr std::size_t capacity = 128;  // more than this missing at once is a matter for a keyframe

    // Any packet of the stream, in or out of order, also one recovered by RTX (`seq` is then the original's).
    void on_packet(std::int64_t ext_seq, std::int64_t now_ns) noexcept;

    // Fills `out` with the sequence numbers to ask for now, ascending; returns how many. What does not fit waits.
    [[nodiscard]] std::size_t collect(std::int64_t now_ns, std::int64_t rtt_ns, std::span<std::uint16_t> out) noexcept;

    [[nodiscard]] std::size_t missing() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t recovered() const noexcept { return recovered_; }  // arrived after being asked for
    [[nodiscard]] std::uint64_t given_up() const noexcept { return given_up_; }
    [[nodiscard]] std::uint64_t requested() const noexcept { return requested_; }  // entries sent, retries included
    void reset() noexcept { *this = UpstreamNack{}; }

private:
    struct Missing {
        std::uint32_t seq;  // low 32 bits of the extended sequence number
        std::uint32_t since_us;
        std::uint32_t asked_us;
        std::uint8_t tries;
    };
    void remove(std::size_t i) noexcept;
    void drop_oldest(std::size_t n) noexcept;

    std::int64_t highest_ = 0;
    std::uint64_t recovered_ = 0;
    std::uint64_t given_up_ = 0;
    std::uint64_t requested_ = 0;
    std::uint32_t count_ = 0;
    bool started_ = false;
    std::array<Missing, capacity> list_{};
};

}  // namespace sluice::media
