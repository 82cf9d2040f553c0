#include "dataplane/media/leg_rewriter.hpp"

#include <algorithm>

namespace sluice::media {
namespace {

constexpr std::uint64_t half_cycle = 1 << 15;

std::uint32_t low(std::uint64_t v) noexcept {
    return static_cast<std::uint32_t>(v);
}
std::uint32_t to_ms(std::int64_t ns) noexcept {
    return static_cast<std::uint32_t>(ns / 1'000'000);
}

}  // namespace

void LegRewriter::start(std::uint64_t first_out_index, std::uint32_t first_ts) noexcept {
    *this = LegRewriter{};
    next_index_ = first_out_index;
    last_ts_ = first_ts;
}

void LegRewriter::resume(std::uint64_t reserved_index) noexcept {
    next_index_ = std::max(next_index_, reserved_index);
    has_source_ = false;
    closed_count_ = 0;
}

void LegRewriter::switch_source(std::int64_t first_in_seq, std::uint32_t first_in_ts, std::int64_t now_ns,
                                std::uint32_t clock_hz) noexcept {
    if (has_source_) close_segment(true);
    std::uint32_t advance = 0;
    if (has_last_) {
        const auto elapsed_ms = std::max<std::int64_t>(0, static_cast<std::int32_t>(to_ms(now_ns) - last_at_ms_));
        // Beyond a quarter of the timestamp cycle a receiver could take the advance for a step back.
        advance =
            static_cast<std::uint32_t>(std::clamp<std::int64_t>(elapsed_ms * clock_hz / 1000, clock_hz / 100, 1 << 30));
    }
    ts_delta_ = last_ts_ + advance - first_in_ts;
    has_source_ = true;
    open_segment(first_in_seq);
}

std::optional<LegRewriter::Out> LegRewriter::map(std::int64_t in_seq, std::uint32_t in_ts, std::int64_t now_ns) noexcept {
    if (!has_source_) return std::nullopt;
    const std::uint32_t ts = in_ts + ts_delta_;
    if (in_seq >= in_start_) {
        auto index = static_cast<std::uint64_t>(in_seq + delta_);
        if (index < next_index_) {
            if (next_index_ - index > half_cycle) return std::nullopt;
            return Out{index, ts};
        }
        if (index - next_index_ > max_step) {
            close_segment(false);
            ++next_index_;
            open_segment(in_seq);
            index = next_index_;
        }
        if (index > max_index) return std::nullopt;
        next_index_ = index + 1;
        last_at_ms_ = to_ms(now_ns);
        if (!has_last_ || static_cast<std::int32_t>(ts - last_ts_) > 0) last_ts_ = ts;
        has_last_ = true;
        return Out{index, ts};
    }
    auto end = static_cast<std::uint64_t>(in_start_ + delta_);
    if (next_index_ - end > half_cycle) return std::nullopt;  // also keeps the 32-bit arithmetic below exact
    for (std::size_t i = 0; i < closed_count_ && closed_switches_[i] == 0; ++i) {
        const std::int64_t delta = delta_ + static_cast<std::int32_t>(closed_[i].delta - low(delta_));
        const std::uint64_t start = next_index_ - (low(next_index_) - closed_[i].out_start);
        const auto index = static_cast<std::uint64_t>(in_seq + delta);
        if (index >= start && index < end) {
            if (next_index_ - index > half_cycle) return std::nullopt;
            return Out{index, in_ts + closed_[i].ts_delta};
        }
        end = start;
    }
    return std::nullopt;
}

bool LegRewriter::drop(std::int64_t in_seq) noexcept {
    if (!has_source_ || in_seq < in_start_) return false;
    const auto index = static_cast<std::uint64_t>(in_seq + delta_);
    if (index < next_index_) return false;
    const std::uint64_t gap = index - next_index_;
    const bool empty = next_index_ == static_cast<std::uint64_t>(in_start_ + delta_);
    if (gap != 0 || !empty) {
        if (gap <= max_step) {
            next_index_ = index;
            close_segment(false);
        } else {
            close_segment(false);
            ++next_index_;
        }
    }
    open_segment(in_seq + 1);
    return true;
}

void LegRewriter::skip(std::uint32_t n) noexcept {
    if (!has_source_ || n == 0) return;
    const std::int64_t next_in = static_cast<std::int64_t>(next_index_) - delta_;
    close_segment(false);
    open_segment(next_in + n);
}

std::optional<std::int64_t> LegRewriter::source_seq_of(std::uint16_t out_seq) const noexcept {
    const auto origin = origin_of(out_seq);
    if (!origin || origin->switches_ago != 0) return std::nullopt;
    return origin->seq;
}

std::optional<LegRewriter::Origin> LegRewriter::origin_of(std::uint16_t out_seq) const noexcept {
    if (!has_source_ || next_index_ == 0) return std::nullopt;
    const std::uint64_t newest = next_index_ - 1;
    const std::uint64_t back = static_cast<std::uint16_t>(newest - out_seq);
    if (back >= half_cycle || back > newest) return std::nullopt;
    const std::uint64_t index = newest - back;
    const auto open_start = static_cast<std::uint64_t>(in_start_ + delta_);
    if (index >= open_start) return Origin{static_cast<std::int64_t>(index) - delta_, index, ts_delta_, 0};
    for (std::size_t i = 0; i < closed_count_; ++i) {
        const std::uint64_t start = next_index_ - (low(next_index_) - closed_[i].out_start);
        if (index < start) continue;
        if (closed_switches_[i] != 0) {
            return Origin{low(low(index) - closed_[i].delta), index, closed_[i].ts_delta, closed_switches_[i]};
        }
        const std::int64_t delta = delta_ + static_cast<std::int32_t>(closed_[i].delta - low(delta_));
        return Origin{static_cast<std::int64_t>(index) - delta, index, closed_[i].ts_delta, 0};
    }
    return std::nullopt;
}

void LegRewriter::close_segment(bool source_ends) noexcept {
    const auto start = static_cast<std::uint64_t>(in_start_ + delta_);
    if (next_index_ > start) {
        closed_[1] = closed_[0];
        closed_switches_[1] = closed_switches_[0];
        closed_[0] = Closed{low(start), low(delta_), ts_delta_};
        closed_switches_[0] = 0;
        closed_count_ = static_cast<std::uint8_t>(std::min<int>(closed_count_ + 1, 2));
    }
    if (!source_ends) return;
    for (auto& switches : closed_switches_) switches = static_cast<std::uint8_t>(std::min<int>(switches + 1, 255));
}

void LegRewriter::open_segment(std::int64_t in_start) noexcept {
    in_start_ = in_start;
    delta_ = static_cast<std::int64_t>(next_index_) - in_start;
}

}  // namespace sluice::media
