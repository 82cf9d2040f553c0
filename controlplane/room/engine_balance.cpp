// Sessions and workers: where newcomers are placed, who moves when workers are unequally busy, and what came of it.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/core/log.hpp"
#include "controlplane/room/engine.hpp"

namespace sluice::room {

using session::Session;

namespace {

// Its viewers had better be where its publisher is.
constexpr std::size_t small_room = 16;
// The data plane gives up a move after some seconds.
constexpr std::int64_t move_takes_ns = 10'000'000'000;

}  // namespace

std::uint16_t Engine::owner_of(const Session& s) const {
    const abi::TransportSpec* spec = environment_.program.find(s.state.id);
    return spec == nullptr || spec->owner == 0 ? s.state.worker : static_cast<std::uint16_t>(spec->owner - 1);
}

std::uint32_t& Engine::sessions_on(std::uint16_t worker) {
    if (worker_sessions_.size() <= worker) worker_sessions_.resize(worker + std::size_t{1});
    return worker_sessions_[worker];
}

std::vector<WorkerLoad> Engine::worker_loads() {
    std::vector<WorkerLoad> loads(std::max<std::uint32_t>(1, environment_.client.hello().workers));
    const std::vector<WorkerRate>& measured = meters_.workers();
    for (std::size_t i = 0; i < loads.size(); ++i) {
        const auto worker = static_cast<std::uint16_t>(i);
        if (i < measured.size()) loads[i] = {measured[i].busy, measured[i].packets_out_per_s, 0, 0};
        loads[i].placed_per_s = placements_.of(worker);
        loads[i].sessions = sessions_on(worker);
    }
    return loads;
}

std::uint16_t Engine::place(const Room* room, session::Role role) {
    std::optional<std::uint16_t> near;
    if (room != nullptr && role == session::Role::viewer && room->viewers.size() < small_room && !room->publishers.empty())
        if (const Session* publisher = find(room->publishers.back())) near = owner_of(*publisher);
    return room::place(worker_loads(), overload_.full.enter(), near);
}

void Engine::set_owner(const Session& s, std::uint16_t worker) {
    --sessions_on(owner_of(s));
    ++sessions_on(worker);
    abi::TransportSpec spec = *environment_.program.find(s.state.id);
    spec.owner = static_cast<std::uint16_t>(worker + 1);
    environment_.program.upsert(spec);
}

std::string Engine::move(abi::TransportId id, std::uint16_t worker) {
    const Session* s = find(id);
    if (s == nullptr || environment_.program.find(id) == nullptr) return "no such transport";
    if (worker >= environment_.client.hello().workers) return "no such worker";
    if (s->publishes()) return "a publisher stays with its worker";
    if (!s->state.connected()) return "it is not connected yet";
    if (owner_of(*s) == worker) return {};
    moves_[id] = {owner_of(*s), environment_.now_ns()};
    set_owner(*s, worker);
    apply();
    return {};
}

// Those of large rooms first: there a pointer more per packet serves the most.
void Engine::level_workers() {
    if (options_.moves_per_s == 0 || !environment_.client.synced()) return;
    const bool before = balance_.moving();
    if (!before && !moves_.empty()) return;  // what is measured now is of before
    const std::vector<WorkerLoad> loads = worker_loads();
    const auto step = balance_.look(loads);
    if (step && !before) {
        leveled_ = 0;
        const std::string text = fmt::format("worker {} is {:.0f} % busy and worker {} {:.0f} %: moving viewers", step->from,
                                             100 * loads[step->from].busy, step->to, 100 * loads[step->to].busy);
        note_node(text);
        core::log("engine").info("{}", text);
    }
    if (step) {
        std::vector<const Room*> rooms;
        for (const auto& [name, room] : rooms_)
            if (room.sends.packets_per_s > 0) rooms.push_back(&room);
        std::ranges::sort(rooms, [](const Room* a, const Room* b) { return a->viewers.size() > b->viewers.size(); });
        double taken = 0;
        std::uint32_t count = 0;
        for (const Room* room : rooms) {
            for (const abi::TransportId id : room->viewers) {
                if (count == options_.moves_per_s || taken + room->sends.packets_per_s > step->packets_per_s) break;
                const Session* s = find(id);
                if (s == nullptr || !s->state.connected() || moves_.contains(id) || owner_of(*s) != step->from) continue;
                moves_[id] = {step->from, environment_.now_ns()};
                set_owner(*s, step->to);
                taken += room->sends.packets_per_s;
                ++count;
            }
        }
        leveled_ += count;
        balance_.moved(taken);
        if (count != 0) apply();
    }
    if (before && !balance_.moving()) {
        const std::string text = fmt::format("moved {} viewers between workers", leveled_);
        note_node(text);
        core::log("engine").info("{}", text);
    }
}

// What the data plane did of it. A viewer that could not be moved stays, and so does its entry in the program.
void Engine::check_moves() {
    const dpclient::SegmentView* segment = environment_.client.segment();
    if (segment == nullptr || moves_.empty()) return;
    bool failed = false;
    std::erase_if(moves_, [&](const auto& entry) {
        const auto& [id, move] = entry;
        const Session* s = find(id);
        abi::TransportSlot slot;
        if (s == nullptr) return true;
        if (segment->read(id, slot) && slot.worker == owner_of(*s)) return true;
        if (environment_.now_ns() - move.asked_ns < move_takes_ns) return false;
        set_owner(*s, move.from);
        failed = true;
        return true;
    });
    if (!failed) return;
    balance_.not_moved();
    core::log("engine").warn("the data plane did not move all viewers that it was asked to");
    apply();
}

}  // namespace sluice::room
