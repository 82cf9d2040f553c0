#include "dataplane/media/upstream_nack.hpp"

#include <algorithm>

namespace sluice::media {
namespace {

std::uint32_t to_us(std::int64_t ns) noexcept {
    return static_cast<std::uint32_t>(ns / 1000);
}
constexpr std::uint32_t us(std::int64_t ns) noexcept {
    return static_cast<std::uint32_t>(ns / 1000);
}

}  // namespace

void UpstreamNack::on_packet(std::int64_t ext_seq, std::int64_t now_ns) noexcept {
    if (!started_) {
        started_ = true;
        highest_ = ext_seq;
        return;
    }
    const std::int64_t step = ext_seq - highest_;
    if (step == 1) {
        highest_ = ext_seq;
        return;
    }
    if (step <= 0) {
        if (count_ == 0) return;
        const auto low = static_cast<std::uint32_t>(ext_seq);
        for (std::size_t i = 0; i < count_; ++i) {
            if (list_[i].seq != low) continue;
            if (list_[i].tries > 0) ++recovered_;
            remove(i);
            return;
        }
        return;
    }
    const std::int64_t gap = step - 1;
    highest_ = ext_seq;
    if (gap >= window) {  // not a loss that resending could mend
        drop_oldest(count_);
        given_up_ += static_cast<std::uint64_t>(gap);
        return;
    }
    const std::int64_t wanted = std::min<std::int64_t>(gap, capacity);
    given_up_ += static_cast<std::uint64_t>(gap - wanted);
    if (count_ + static_cast<std::size_t>(wanted) > capacity) {
        drop_oldest(count_ + static_cast<std::size_t>(wanted) - capacity);
    }
    for (std::int64_t seq = ext_seq - wanted; seq < ext_seq; ++seq) {
        list_[count_++] = Missing{static_cast<std::uint32_t>(seq), to_us(now_ns), 0, 0};
    }
}

std::size_t UpstreamNack::collect(std::int64_t now_ns, std::int64_t rtt_ns, std::span<std::uint16_t> out) noexcept {
    if (count_ == 0) return 0;
    const std::uint32_t now = to_us(now_ns);
    const std::uint32_t retry = us(std::clamp(rtt_ns, min_retry_ns, give_up_ns));
    std::size_t kept = 0;
    std::size_t asked = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        Missing m = list_[i];
        const std::uint32_t age = now - m.since_us;
        const bool due = m.tries == 0 ? age >= us(reorder_tolerance_ns) : now - m.asked_us >= retry;
        const bool too_far = static_cast<std::uint32_t>(highest_) - m.seq > window;
        if (too_far || age > us(give_up_ns) || (due && m.tries >= max_tries)) {
            ++given_up_;
            continue;
        }
        if (due && asked < out.size()) {
            out[asked++] = static_cast<std::uint16_t>(m.seq);
            m.asked_us = now;
            ++m.tries;
        }
        list_[kept++] = m;
    }
    count_ = static_cast<std::uint32_t>(kept);
    requested_ += asked;
    return asked;
}

void UpstreamNack::remove(std::size_t i) noexcept {
    std::copy(list_.begin() + static_cast<std::ptrdiff_t>(i) + 1, list_.begin() + count_,
              list_.begin() + static_cast<std::ptrdiff_t>(i));
    --count_;
}

void UpstreamNack::drop_oldest(std::size_t n) noexcept {
    given_up_ += n;
    std::copy(list_.begin() + static_cast<std::ptrdiff_t>(n), list_.begin() + count_, list_.begin());
    count_ -= static_cast<std::uint32_t>(n);
}

}  // namespace sluice::media
