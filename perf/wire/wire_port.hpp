// A port with a wire behind it: a tx queue of so many descriptors that drains at the wire's rate, and publishers' packets
// that arrive by a timetable.
//
// Theory of operation. Each frame that is taken leaves one frame's time after the one before it, or at once if the wire is
// idle; a descriptor is free when its frame has left. So the queue is a ring of times of departure, and a frame finds room
// when the one that had its place is gone: exactly what a NIC does, without waiting for it. What does not fit is refused, as
// by rte_eth_tx_burst(). Arrivals stand in an rx queue until the worker asks; what finds that full is lost, by count, as in
// a NIC (imissed).
//
// Each frame that leaves is looked at: whose it is (by address), whether it is the next one of its viewer's (by sequence
// number).
//
// Thread: the one that drives the worker.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "dataplane/base/tsc_clock.hpp"
#include "dataplane/port/port_io.hpp"
#include "perf/pipeline/scene.hpp"

namespace sluice::perf {

// A publisher's packet, from when it was due on the wire.
struct Arrival {
    std::uint64_t tsc = 0;
    std::uint64_t rx_tsc = 0;    // when the worker took it
    std::uint64_t left = 0;      // frames of it that left, of all its viewers
    std::uint64_t last_tsc = 0;  // when the last of these left the wire
};

class WirePort final : public port::PortIo {
public:
    static constexpr unsigned tx_slots = 1024;
    static constexpr unsigned rx_slots = 1024;
    static constexpr std::size_t kept_arrivals = 4096;  // of each publisher

    // `gbps` 0: the wire takes whatever comes.
    WirePort(const SceneSpec& spec, double gbps, const TscClock& clock);

    std::uint16_t receive(rte_mbuf** frames, std::uint16_t capacity) noexcept override;
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override;
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return true; }

    // The scene that packets come from; before the first receive().
    void connect(Scene& scene) noexcept { scene_ = &scene; }
    // The next packets arrive at these intervals, in ticks, of publishers in turn; 0: whenever nearly all before has
    // left; negative: none. `random`: exponentially distributed with that mean.
    void schedule(double interval_ticks, bool random) noexcept;
    // One packet of the first publisher, now.
    void arrive_once() noexcept;

    // Called with the times of each frame in ticks: since its publisher's packet was due, and since the worker took that.
    std::function<void(std::uint64_t since_due, std::uint64_t since_rx)> on_frame;

    [[nodiscard]] std::uint64_t arrived() const noexcept { return arrived_; }
    [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
    [[nodiscard]] std::uint64_t out_of_order() const noexcept { return out_of_order_; }
    [[nodiscard]] unsigned deepest() const noexcept { return deepest_; }
    [[nodiscard]] const std::vector<std::uint64_t>& by_viewer() const noexcept { return by_viewer_; }
    [[nodiscard]] const Arrival& last_arrival() const noexcept { return arrivals_[0][last_number_ % kept_arrivals]; }
    // Whether there was a moment since the last question at which everything that had arrived had left.
    [[nodiscard]] bool idle() noexcept { return std::exchange(idle_, false); }
    // What went by since the last call was no step of the worker's.
    void not_the_workers() noexcept { last_call_ = 0; }
    // The longest time between two calls of the port since the last question: more than the worker's own steps take is
    // somebody else's.
    [[nodiscard]] std::uint64_t longest_gap() noexcept { return std::exchange(longest_gap_, 0); }

private:
    void note_call(std::uint64_t now) noexcept;
    void note_frame(const rte_mbuf& frame, std::uint64_t now, std::uint64_t departs) noexcept;
    rte_mbuf* next_arrival(std::uint64_t due, std::uint64_t now) noexcept;

    SceneSpec spec_;
    Scene* scene_ = nullptr;
    double ticks_per_byte_ = 0;
    double interval_ = -1;
    bool random_ = false;
    bool once_ = false;
    std::uint64_t due_ = 0;
    std::uint64_t seed_ = 88172645463325252ULL;
    unsigned turn_ = 0;  // the publisher whose packet is next
    std::vector<std::vector<Arrival>> arrivals_;
    std::uint64_t last_number_ = 0;  // of the first publisher
    std::vector<std::uint64_t> departures_ = std::vector<std::uint64_t>(tx_slots);
    std::uint64_t queued_ = 0;  // frames ever
    std::uint64_t oldest_ = 0;  // the first that may still be in the queue
    double wire_free_ = 0;
    std::uint64_t media_ = 0;  // frames of it taken
    std::vector<std::uint64_t> by_viewer_;
    std::vector<std::uint16_t> next_sequence_;
    std::uint64_t arrived_ = 0, missed_ = 0, taken_ = 0, bytes_ = 0, refused_ = 0, out_of_order_ = 0;
    unsigned deepest_ = 0;
    bool idle_ = false;
    std::uint64_t last_call_ = 0, longest_gap_ = 0;
};

}  // namespace sluice::perf
