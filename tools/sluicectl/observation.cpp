#include "tools/sluicectl/observation.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <utility>

#include "tools/sluicectl/observed.hpp"

namespace sluice::ctl {
namespace {

volatile std::sig_atomic_t stop_requested = 0;
constexpr int signals[] = {SIGINT, SIGTERM};

std::string refusal_text(abi::Status status, const abi::ObserveStart& wanted, std::uint32_t holder) {
    const std::string what = wanted.kind == abi::ObserveKind::trace ? "trace" : "capture";
    switch (status) {
        case abi::Status::busy:
            return "another " + what + " runs, of process " + std::to_string(holder) +
                   "; only one can: it ends with that process";
        case abi::Status::not_permitted: return "only root and the user of the data plane may look into packets";
        case abi::Status::not_programmer:
        case abi::Status::unknown_type: return "this data plane knows no " + what + ": it is older than this sluicectl";
        case abi::Status::bad_worker: return "the data plane has no worker " + std::to_string(wanted.worker);
        case abi::Status::capacity: return "the data plane has no memory for the rings of a " + what;
        default: return "the data plane refused the " + what + ": " + std::string(abi::name(status));
    }
}

}  // namespace

std::expected<ObservedPlane, Outcome> open_plane(const Settings& settings, const PlaneState& control) {
    const auto down = [&](const std::string& why) {
        Outcome outcome = data_plane_down(why);
        outcome.control_plane = control;
        return std::unexpected(std::move(outcome));
    };
    auto link = ControlLink::open(settings.control_socket, settings.patience);
    if (!link) return down(link.error());
    auto segment = (*link)->take_segment();
    if (!segment) return down(segment.error());
    return ObservedPlane{std::move(*link), std::move(*segment)};
}

std::expected<std::unique_ptr<Observation>, Outcome> Observation::start(std::unique_ptr<ControlLink> link,
                                                                        const Settings& settings,
                                                                        const abi::ObserveStart& wanted) {
    const auto refuse = [](std::string why) {
        Outcome outcome = Outcome::failed(Exit::failure, std::move(why));
        outcome.data_plane = PlaneState{true, {}};
        return std::unexpected(std::move(outcome));
    };
    auto answer = link->ask(wanted, settings.patience);
    if (!answer) return refuse(settings.control_socket + ": " + answer.error());
    const ByteView record{answer->record.data(), answer->record.size()};
    const auto started = abi::read_as<abi::ObserveStarted>(record);
    if (!started) {
        const auto ack = abi::read_as<abi::Ack>(record);
        return refuse(ack ? refusal_text(ack->status, wanted, 0) : "the data plane answered with a record that is none");
    }
    if (started->status != abi::Status::ok) return refuse(refusal_text(started->status, wanted, started->holder_pid));
    const std::uint32_t bytes = started->ring_bytes;
    if (answer->fds.empty() || started->workers > abi::max_workers || bytes < 4096 || (bytes & (bytes - 1)) != 0)
        return refuse("the data plane gave no rings");
    auto mapping = dpclient::Mapping::map(answer->fds.front().get(), dpclient::Mapping::Access::read_write,
                                          abi::CaptureLayout::total(started->workers, bytes));
    if (!mapping) return refuse("the rings of the data plane: " + mapping.error());
    return std::unique_ptr<Observation>(
        new Observation(std::move(link), std::move(*mapping), wanted.kind, *started, settings.patience));
}

Observation::Observation(std::unique_ptr<ControlLink> link, dpclient::Mapping mapping, abi::ObserveKind kind,
                         const abi::ObserveStarted& started, std::chrono::milliseconds patience)
    : link_(std::move(link)), mapping_(std::move(mapping)), kind_(kind), patience_(patience) {
    for (std::uint32_t w = 0; w < started.workers; ++w) {
        rings_.emplace_back(mapping_.data() + w * abi::CaptureLayout::stride(started.ring_bytes), started.ring_bytes);
    }
}

bool Observation::take(const OnRecord& on_record) {
    struct Taken {
        std::size_t order;  // of one moment, as the worker showed them
        abi::CaptureRecord record;
        std::vector<std::uint8_t> bytes;
    };
    std::vector<Taken> all;
    std::array<std::uint8_t, abi::max_captured> room;
    // At most what a ring holds: a worker that is faster than we are must not keep us here.
    constexpr std::size_t most = 50'000;
    for (abi::CaptureRingConsumer& ring : rings_) {
        for (std::size_t n = 0; n < most; ++n) {
            abi::CaptureRecord record;
            const auto result = ring.pop(record, room);
            if (result == abi::CaptureRingConsumer::Result::empty) break;
            if (result == abi::CaptureRingConsumer::Result::invalid) {
                ++invalid_;
                continue;
            }
            all.push_back({all.size(), record, {room.begin(), room.begin() + record.captured}});
        }
    }
    std::ranges::sort(all, {}, [](const Taken& t) { return std::pair(t.record.unix_ns, t.order); });
    return std::ranges::all_of(all, [&](const Taken& t) { return on_record(t.record, {t.bytes.data(), t.bytes.size()}); });
}

bool Observation::stop() {
    abi::ObserveStop stop;
    stop.kind = kind_;
    const auto answer = link_->ask(stop, patience_);
    if (!answer) return false;
    const auto ack = abi::read_as<abi::Ack>(ByteView{answer->record.data(), answer->record.size()});
    return ack && ack->status == abi::Status::ok;
}

std::uint64_t Observation::lost() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& ring : rings_) sum += ring.lost();
    return sum;
}

StopSignals::StopSignals() {
    stop_requested = 0;
    for (std::size_t i = 0; i < std::size(signals); ++i)
        before_[i] = std::signal(signals[i], [](int) { stop_requested = 1; });
}

StopSignals::~StopSignals() {
    for (std::size_t i = 0; i < std::size(signals); ++i) (void)std::signal(signals[i], before_[i]);
}

bool StopSignals::stopped() const noexcept {
    return stop_requested != 0;
}

}  // namespace sluice::ctl
