#include "perf/wire/wire_port.hpp"

#include <rte_mbuf.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "dataplane/base/byteorder.hpp"

namespace sluice::perf {
namespace {

// Ethernet, IPv4 and UDP without options: where the scene's frames have things.
constexpr std::size_t third_byte_of_destination = 14 + 16 + 2;
constexpr std::size_t destination_port = 14 + 20 + 2;
constexpr std::size_t rtp_sequence = 14 + 20 + 8 + 2;
// Preamble, FCS and the gap between two frames.
constexpr double framing = 24;

}  // namespace

WirePort::WirePort(const SceneSpec& spec, double gbps, const TscClock& clock)
    : spec_(spec),
      ticks_per_byte_(gbps == 0 ? 0 : 8 * static_cast<double>(clock.hz()) / (gbps * 1e9)),
      arrivals_(spec.publishers, std::vector<Arrival>(kept_arrivals)),
      by_viewer_(std::size_t{spec.publishers} * spec.viewers),
      next_sequence_(by_viewer_.size(), static_cast<std::uint16_t>(Viewer::first_index)) {}

void WirePort::schedule(double interval_ticks, bool random) noexcept {
    interval_ = interval_ticks;
    random_ = random;
    due_ = TscClock::ticks();
}

void WirePort::arrive_once() noexcept {
    once_ = true;
    not_the_workers();
}

void WirePort::note_call(std::uint64_t now) noexcept {
    if (last_call_ != 0) longest_gap_ = std::max(longest_gap_, now - last_call_);
    last_call_ = now;
}

rte_mbuf* WirePort::next_arrival(std::uint64_t due, std::uint64_t now) noexcept {
    const unsigned publisher = turn_;
    turn_ = turn_ + 1 == spec_.publishers ? 0 : turn_ + 1;
    rte_mbuf* frame = scene_->publish(publisher);
    const std::uint64_t number = scene_->published(publisher).number;
    arrivals_[publisher][number % kept_arrivals] = {due, now, 0, 0};
    if (publisher == 0) last_number_ = number;
    ++arrived_;
    return frame;
}

std::uint16_t WirePort::receive(rte_mbuf** frames, std::uint16_t capacity) noexcept {
    const std::uint64_t now = TscClock::ticks();
    note_call(now);
    if (std::exchange(once_, false)) {
        frames[0] = next_arrival(now, now);
        return 1;
    }
    if (interval_ < 0) return 0;
    if (interval_ == 0) {
        // Two under way, so that the worker never waits.
        if (arrived_ * spec_.viewers > media_ + spec_.viewers) return 0;
        frames[0] = next_arrival(now, now);
        return 1;
    }
    std::uint16_t count = 0;
    const auto step = [&] {
        double ticks = interval_;
        if (random_) {
            seed_ ^= seed_ << 13, seed_ ^= seed_ >> 7, seed_ ^= seed_ << 17;
            ticks *= -std::log((static_cast<double>(seed_ >> 11) + 1) / 9007199254740993.0);
        }
        due_ += static_cast<std::uint64_t>(ticks);
    };
    // What a NIC would have had no descriptor for: the oldest rx_slots that are due are in its queue.
    const auto waiting = due_ < now ? static_cast<double>(now - due_) / interval_ : 0;
    for (double over = waiting - rx_slots; over > 1; --over) {
        ++missed_;
        step();
    }
    if (due_ > now && media_ == arrived_ * spec_.viewers) idle_ = true;
    for (; count < capacity && due_ <= now; ++count) {
        frames[count] = next_arrival(due_, now);
        step();
    }
    return count;
}

std::uint16_t WirePort::transmit(rte_mbuf** frames, std::uint16_t count) noexcept {
    const std::uint64_t now = TscClock::ticks();
    note_call(now);
    while (oldest_ < queued_ && departures_[oldest_ % tx_slots] <= now) ++oldest_;
    const auto room = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, tx_slots - (queued_ - oldest_)));
    for (std::uint16_t i = 0; i < room; ++i) {
        wire_free_ = std::max(wire_free_, static_cast<double>(now)) + ticks_per_byte_ * (frames[i]->pkt_len + framing);
        const auto departs = static_cast<std::uint64_t>(wire_free_);
        departures_[queued_++ % tx_slots] = departs;
        note_frame(*frames[i], now, departs);
    }
    deepest_ = std::max(deepest_, static_cast<unsigned>(queued_ - oldest_));
    refused_ += count - room;
    rte_pktmbuf_free_bulk(frames, room);
    return room;
}

void WirePort::note_frame(const rte_mbuf& frame, std::uint64_t now, std::uint64_t departs) noexcept {
    const auto* b = rte_pktmbuf_mtod(&frame, const std::uint8_t*);
    ++taken_;
    bytes_ += frame.pkt_len;
    const unsigned viewer = (b[third_byte_of_destination] - 1U) * 60'000 + load<be16>(b + destination_port).value() - 1024;
    // SRs to viewers are no media; the publishers' own feedback goes to another address.
    if (viewer >= by_viewer_.size() || (b[rtp_sequence - 1] & 0x7f) != Viewer::payload_type) return;
    const std::uint16_t sequence = load<be16>(b + rtp_sequence).value();
    if (sequence != next_sequence_[viewer]) ++out_of_order_;
    next_sequence_[viewer] = static_cast<std::uint16_t>(sequence + 1);
    const std::uint64_t number = by_viewer_[viewer]++;
    ++media_;
    Arrival& arrival = arrivals_[viewer / spec_.viewers][number % kept_arrivals];
    ++arrival.left;
    arrival.last_tsc = std::max(arrival.last_tsc, departs);
    if (on_frame) on_frame(now - arrival.tsc, now - arrival.rx_tsc);
}

}  // namespace sluice::perf
