#include "dataplane/control/worker_link.hpp"

namespace sluice::control {

WorkerLink::~WorkerLink() {
    // The worker has stopped: what stands in either ring is ours again.
    worker::Command* command = nullptr;
    while (commands_.pop(command)) delete command;
    while (done_.pop(command)) delete command;
}

void WorkerLink::send(std::unique_ptr<worker::Command> command) {
    waiting_.push_back(std::move(command));
    flush();
}

void WorkerLink::flush() {
    // Never more under way than the done ring holds, so that the worker can always give a command back.
    while (!waiting_.empty() && under_way_ < ring_size) {
        if (!commands_.push(waiting_.front().get())) return;
        (void)waiting_.front().release();
        waiting_.pop_front();
        ++under_way_;
    }
}

}  // namespace sluice::control
