// On which worker a newcomer is placed, and which viewers move when workers are unequally busy. Pure: figures in, decisions
// out.
//
// Theory of operation. A worker's load is what it was measured to be busy, and what was placed on it since, at the price of
// a packet on this node (all that workers are busy, over all that they send). A newcomer goes where that is least; workers
// that are about equally busy share newcomers by number, and a small room's viewers are given the worker of its publisher,
// which saves a pointer per packet. A worker over the busy limit gets nothing while another is below it.
//
// Joins and leaves make what was level uneven, and newcomers may be too few to mend it. So when one worker is busier than
// another by more than a margin for some seconds, viewers move, as much as three quarters of what would make the two equal,
// some per second; then it is measured anew. No step ever makes the other worker the busier one, so nothing goes to and fro.
//
// Thread: the io thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::room {

struct WorkerLoad {
    double busy = 0;           // 0..1, measured
    double packets_per_s = 0;  // that it sends, measured
    double placed_per_s = 0;   // packets that those will be sent who were placed on it since
    std::uint32_t sessions = 0;
};

// What a packet per second costs, as part of a worker; of a core of three million packets per second while nothing that
// tells more was measured.
[[nodiscard]] double price_of_a_packet(std::span<const WorkerLoad> workers) noexcept;

// Of at least one worker. `near`: the worker that a small room would like best.
[[nodiscard]] std::uint16_t place(std::span<const WorkerLoad> workers, double busy_limit,
                                  std::optional<std::uint16_t> near = std::nullopt) noexcept;

// What was placed lately: a newcomer is measured only once it is connected.
class Placements {
public:
    void add(std::uint16_t worker, double packets_per_s);
    // Workers were measured, once a second.
    void measured();
    [[nodiscard]] double of(std::uint16_t worker) const noexcept;

private:
    static constexpr std::size_t remembered_s = 3;
    std::array<std::vector<double>, remembered_s> seconds_;  // newest first, by worker
};

class Balance {
public:
    static constexpr double margin = 0.15;  // of a worker
    static constexpr int patience_s = 3;    // so long it must last
    static constexpr double share = 0.75;   // of what would make two workers equal
    static constexpr int pause_s = 60;      // after moves that the data plane did not make

    // Viewers who are sent about so many packets per second in all, no more, shall move.
    struct Step {
        std::uint16_t from = 0;
        std::uint16_t to = 0;
        double packets_per_s = 0;
    };
    // Once a second, after the measurement.
    [[nodiscard]] std::optional<Step> look(std::span<const WorkerLoad> workers) noexcept;
    // What came of the step. None: it has come to its end, as it does when it is used up.
    void moved(double packets_per_s) noexcept;
    void not_moved() noexcept { pause_ = pause_s; }
    [[nodiscard]] bool moving() const noexcept { return step_.has_value(); }

private:
    std::optional<Step> step_;
    std::uint16_t busiest_ = 0;
    int lasted_ = 0;
    int pause_ = 0;
};

}  // namespace sluice::room
