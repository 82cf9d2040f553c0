#include "tests/linkem/link_model.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sluice::linkem {
namespace {

// A number >= 0, or nothing.
std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0) || value > 1e9) return std::nullopt;
    return value;
}

Nanoseconds milliseconds(double value) {
    return Nanoseconds(static_cast<std::int64_t>(value * 1e6));
}

}  // namespace

std::expected<LinkOptions, std::string> parse_link(std::string_view text) {
    LinkOptions options;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        const auto equals = part.find('=');
        const std::string_view name = part.substr(0, equals);
        const auto value = equals == std::string_view::npos ? std::nullopt : number(part.substr(equals + 1));
        const bool is_percent = name == "loss" || name == "reorder";
        if (!value || (is_percent && *value > 100))
            return std::unexpected("\"" + std::string(part) + "\": a number is missing or out of range");
        if (name == "loss")
            options.loss_percent = *value;
        else if (name == "reorder")
            options.reorder_percent = *value;
        else if (name == "delay")
            options.delay = milliseconds(*value);
        else if (name == "jitter")
            options.jitter = milliseconds(*value);
        else if (name == "rate")
            options.rate_bps = static_cast<std::uint64_t>(*value * 1000);
        else if (name == "queue")
            options.queue_bytes = static_cast<std::size_t>(*value * 1024);
        else
            return std::unexpected("\"" + std::string(name) + "\" is none of loss, delay, jitter, rate, queue, reorder");
    }
    return options;
}

bool LinkModel::chance(double percent) {
    return percent > 0 && std::uniform_real_distribution<double>(0, 100)(random_) < percent;
}

void LinkModel::offer(Frame frame, Nanoseconds now, bool may_be_lost) {
    ++counters_.offered;
    if (may_be_lost && chance(options_.loss_percent)) {
        ++counters_.lost;
        return;
    }
    Nanoseconds sent = now;
    if (options_.rate_bps != 0) {
        const auto backlog = std::max(Nanoseconds(0), bottleneck_free_ - now);
        const double waiting_bytes = static_cast<double>(backlog.count()) * static_cast<double>(options_.rate_bps) / 8e9;
        if (waiting_bytes + static_cast<double>(frame.size()) > static_cast<double>(options_.queue_bytes)) {
            ++counters_.queue_full;
            return;
        }
        const double ns = static_cast<double>(frame.size()) * 8e9 / static_cast<double>(options_.rate_bps);
        bottleneck_free_ = now + backlog + Nanoseconds(static_cast<std::int64_t>(ns));
        sent = bottleneck_free_;
    }
    Nanoseconds arrival = sent + options_.delay;
    if (options_.jitter.count() > 0) {
        arrival += Nanoseconds(
            std::uniform_int_distribution<std::int64_t>(-options_.jitter.count(), options_.jitter.count())(random_));
    }
    if (chance(options_.reorder_percent)) {
        ++counters_.reordered;
        arrival = sent;
    } else {
        last_arrival_ = arrival = std::max(arrival, last_arrival_);
    }
    waiting_.push({std::max(arrival, now), order_++, std::move(frame)});
}

std::optional<LinkModel::Frame> LinkModel::take(Nanoseconds now) {
    if (waiting_.empty() || waiting_.top().arrival > now) return std::nullopt;
    // top() is const only to protect the order, which pop() ends.
    Frame frame = std::move(const_cast<Waiting&>(waiting_.top()).frame);
    waiting_.pop();
    ++counters_.delivered;
    return frame;
}

std::optional<Nanoseconds> LinkModel::next() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.top().arrival;
}

}  // namespace sluice::linkem
