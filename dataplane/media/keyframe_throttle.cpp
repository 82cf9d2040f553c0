#include "dataplane/media/keyframe_throttle.hpp"

#include <algorithm>

namespace sluice::media {

void KeyframeThrottle::request() noexcept {
    ++requests_;
    waiting_ = true;
}

void KeyframeThrottle::on_keyframe() noexcept {
    waiting_ = false;
    unanswered_ = 0;
}

std::int64_t KeyframeThrottle::due_ns(std::int64_t rtt_ns) const noexcept {
    if (!waiting_) return INT64_MAX;
    std::int64_t interval = std::max(min_interval_ns, rtt_ns);
    if (unanswered_ > 0) {
        const std::int64_t base = std::max(first_retry_ns, 2 * rtt_ns);
        interval = std::max(interval, std::min(max_retry_ns, base << (unanswered_ - 1)));
    }
    return last_sent_ns_ + interval;
}

bool KeyframeThrottle::poll(std::int64_t now_ns, std::int64_t rtt_ns) noexcept {
    if (now_ns < due_ns(rtt_ns)) return false;
    last_sent_ns_ = now_ns;
    ++sent_;
    if (unanswered_ > 0) ++retries_;
    unanswered_ = static_cast<std::uint8_t>(std::min(unanswered_ + 1, 4));
    return true;
}

}  // namespace sluice::media
