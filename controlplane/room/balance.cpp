#include "controlplane/room/balance.hpp"

#include <algorithm>
#include <limits>

namespace sluice::room {
namespace {

constexpr double fallback_price = 1.0 / 3'000'000;
constexpr double telling_rate = 1'000;  // packets per second: below, what a worker is busy with is something else
constexpr double about_equal = 0.03;    // of a worker

}  // namespace

double price_of_a_packet(std::span<const WorkerLoad> workers) noexcept {
    double busy = 0, packets = 0;
    for (const WorkerLoad& w : workers) {
        busy += w.busy;
        packets += w.packets_per_s;
    }
    return packets < telling_rate || busy <= 0 ? fallback_price : busy / packets;
}

std::uint16_t place(std::span<const WorkerLoad> workers, double busy_limit, std::optional<std::uint16_t> near) noexcept {
    const double price = price_of_a_packet(workers);
    const auto load = [&](const WorkerLoad& w) { return w.busy + price * w.placed_per_s; };
    double least = std::numeric_limits<double>::max();
    for (const WorkerLoad& w : workers) least = std::min(least, load(w));
    const auto eligible = [&](const WorkerLoad& w) {
        const bool full = busy_limit > 0 && load(w) > busy_limit && least <= busy_limit;
        return !full && load(w) <= least + about_equal;
    };
    if (near && *near < workers.size() && eligible(workers[*near])) return *near;
    std::size_t best = workers.size();
    for (std::size_t i = 0; i < workers.size(); ++i)
        if (eligible(workers[i]) && (best == workers.size() || workers[i].sessions < workers[best].sessions)) best = i;
    return static_cast<std::uint16_t>(best == workers.size() ? 0 : best);
}

void Placements::add(std::uint16_t worker, double packets_per_s) {
    std::vector<double>& now = seconds_.front();
    if (now.size() <= worker) now.resize(worker + std::size_t{1});
    now[worker] += packets_per_s;
}

void Placements::measured() {
    std::rotate(seconds_.begin(), seconds_.end() - 1, seconds_.end());
    seconds_.front().clear();
}

double Placements::of(std::uint16_t worker) const noexcept {
    double sum = 0;
    for (const std::vector<double>& second : seconds_)
        if (worker < second.size()) sum += second[worker];
    return sum;
}

std::optional<Balance::Step> Balance::look(std::span<const WorkerLoad> workers) noexcept {
    if (pause_ > 0) --pause_;
    if (workers.size() < 2 || pause_ > 0) {
        step_.reset();
        lasted_ = 0;
        return std::nullopt;
    }
    const auto by_busy = [](const WorkerLoad& a, const WorkerLoad& b) { return a.busy < b.busy; };
    const auto [least, most] = std::minmax_element(workers.begin(), workers.end(), by_busy);
    const double gap = most->busy - least->busy;
    const auto from = static_cast<std::uint16_t>(most - workers.begin());
    if (step_) {
        // They became equal by themselves, or have changed places.
        if (workers[step_->from].busy - workers[step_->to].busy < margin / 2) moved(0);
        return step_;
    }
    lasted_ = gap > margin && (lasted_ == 0 || from == busiest_) ? lasted_ + 1 : 0;
    busiest_ = from;
    if (lasted_ < patience_s || most->packets_per_s < telling_rate) return std::nullopt;
    const double price = most->busy / most->packets_per_s;
    step_ = Step{from, static_cast<std::uint16_t>(least - workers.begin()), share * gap / 2 / price};
    return step_;
}

void Balance::moved(double packets_per_s) noexcept {
    if (!step_) return;
    step_->packets_per_s -= packets_per_s;
    if (packets_per_s > 0 && step_->packets_per_s > 0) return;
    step_.reset();
    lasted_ = 0;
}

}  // namespace sluice::room
