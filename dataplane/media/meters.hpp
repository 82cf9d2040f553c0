// Bit rate and loss over a sliding second, for the page, the admission budget and the layer choice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::media {

// Bits per second over the last second, in ten buckets of 100 ms. Owning worker only.
class BitrateMeter {
public:
    void add(std::uint32_t bytes, std::int64_t now_ns) noexcept;
    // Only whole buckets count, so the value does not saw-tooth. 0 after a second of silence.
    [[nodiscard]] std::uint64_t bits_per_second(std::int64_t now_ns) noexcept;

private:
    static constexpr std::int64_t bucket_ns = 100'000'000;
    static constexpr std::size_t buckets = 10;
    void advance(std::int64_t bucket) noexcept;

    std::array<std::uint32_t, buckets + 1> bytes_{};  // the extra one is still filling
    std::int64_t current_ = 0;                        // number of the filling bucket
    std::int64_t first_ = 0;                          // the bucket of the first packet after silence
    bool started_ = false;
};

// Lost share of what a peer reports (RR) or of what we count, smoothed over about four reports. Owning worker only.
class LossMeter {
public:
    // RFC 3550: fraction lost of 256 since the previous report.
    void on_fraction(std::uint8_t fraction_lost) noexcept;
    void on_counts(std::uint64_t expected, std::uint64_t lost) noexcept;
    [[nodiscard]] double ratio() const noexcept { return ratio_; }  // 0..1

private:
    void update(double ratio) noexcept;
    double ratio_ = 0;
    bool started_ = false;
};

}  // namespace sluice::media
