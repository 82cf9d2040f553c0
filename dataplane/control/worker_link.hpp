// Main's end of a worker: commands out, finished commands back, events back.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "dataplane/worker/worker.hpp"

namespace sluice::control {

// Main only.
class WorkerLink {
public:
    static constexpr std::size_t ring_size = 4096;

    WorkerLink() : commands_(ring_size), done_(ring_size), events_(ring_size) {}
    ~WorkerLink();
    WorkerLink(const WorkerLink&) = delete;
    WorkerLink& operator=(const WorkerLink&) = delete;

    [[nodiscard]] worker::CommandRing& commands() noexcept { return commands_; }
    [[nodiscard]] worker::CommandRing& done() noexcept { return done_; }
    [[nodiscard]] worker::EventRing& events() noexcept { return events_; }

    // Never refuses: what does not fit the ring waits here.
    void send(std::unique_ptr<worker::Command> command);
    // Moves waiting commands on and frees the finished ones; calls finished(command) for each.
    template <typename F>
    bool poll(F&& finished) {
        flush();
        bool any = false;
        worker::Command* command = nullptr;
        while (done_.pop(command)) {
            const std::unique_ptr<worker::Command> owned(command);
            --under_way_;
            any = true;
            finished(*owned);
        }
        return any;
    }
    [[nodiscard]] std::size_t under_way() const noexcept { return under_way_ + waiting_.size(); }

private:
    void flush();
    worker::CommandRing commands_;
    worker::CommandRing done_;
    worker::EventRing events_;
    std::deque<std::unique_ptr<worker::Command>> waiting_;
    std::size_t under_way_ = 0;
};

}  // namespace sluice::control
