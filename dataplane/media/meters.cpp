#include "dataplane/media/meters.hpp"

#include <algorithm>

namespace sluice::media {

void BitrateMeter::add(std::uint32_t bytes, std::int64_t now_ns) noexcept {
    advance(now_ns / bucket_ns);
    if (!started_) {
        started_ = true;
        first_ = current_;
    }
    bytes_[static_cast<std::size_t>(current_) % bytes_.size()] += bytes;
}

std::uint64_t BitrateMeter::bits_per_second(std::int64_t now_ns) noexcept {
    advance(now_ns / bucket_ns);
    const std::int64_t whole = std::min<std::int64_t>(buckets, current_ - first_);
    if (!started_ || whole == 0) return 0;
    std::uint64_t sum = 0;
    for (std::int64_t b = current_ - whole; b < current_; ++b) sum += bytes_[static_cast<std::size_t>(b) % bytes_.size()];
    if (sum == 0 && whole == buckets && bytes_[static_cast<std::size_t>(current_) % bytes_.size()] == 0) {
        started_ = false;
    }
    return sum * 8 * 10 / static_cast<std::uint64_t>(whole);
}

void BitrateMeter::advance(std::int64_t bucket) noexcept {
    if (!started_) {
        bytes_.fill(0);
        current_ = bucket;
        return;
    }
    if (bucket <= current_) return;
    const std::int64_t from = std::max(current_ + 1, bucket - static_cast<std::int64_t>(buckets));
    for (std::int64_t b = from; b <= bucket; ++b) bytes_[static_cast<std::size_t>(b) % bytes_.size()] = 0;
    current_ = bucket;
}

void LossMeter::on_fraction(std::uint8_t fraction_lost) noexcept {
    update(fraction_lost / 256.0);
}

void LossMeter::on_counts(std::uint64_t expected, std::uint64_t lost) noexcept {
    if (expected == 0) return;
    update(static_cast<double>(std::min(lost, expected)) / static_cast<double>(expected));
}

void LossMeter::update(double ratio) noexcept {
    ratio_ = started_ ? ratio_ + (ratio - ratio_) / 4 : ratio;
    started_ = true;
}

}  // namespace sluice::media
