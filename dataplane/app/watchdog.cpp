#include "dataplane/app/watchdog.hpp"

#include <execinfo.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::app {
namespace {

constexpr int stack_signal = SIGUSR2;
constexpr int frames = 64;
constexpr int patience_ms = 500;
constexpr int interval_ms = 10;  // of the checks

std::atomic<bool> stack_written{false};

// Runs on the stuck thread. Async-signal-safe: no allocation, no stdio.
void write_own_stack(int) {
    void* stack[frames];
    backtrace_symbols_fd(stack, backtrace(stack, frames), STDERR_FILENO);
    stack_written.store(true, std::memory_order_release);
}

}  // namespace

Watchdog::Watchdog(std::vector<const std::uint64_t*> loops, int limit_ms)
    : workers_(std::make_unique<Watched[]>(loops.size())), count_(loops.size()), limit_ms_(limit_ms) {
    for (std::size_t i = 0; i < count_; ++i) workers_[i].loops = loops[i];
    if (limit_ms_ == 0) return;
    // The first call loads the unwinder, which allocates.
    void* stack[1];
    (void)backtrace(stack, 1);
    struct sigaction action{};
    action.sa_handler = write_own_stack;
    action.sa_flags = SA_RESTART;
    (void)sigaction(stack_signal, &action, nullptr);
}

void Watchdog::enroll(std::size_t i) noexcept {
    workers_[i].thread.store(pthread_self(), std::memory_order_release);
}

void Watchdog::start(std::int64_t now_ns) noexcept {
    checked_ns_ = now_ns;
    for (std::size_t i = 0; i < count_; ++i) workers_[i].progress_ns = now_ns;
}

void Watchdog::check(std::int64_t now_ns) noexcept {
    if (limit_ms_ == 0) return;
    // No interval between two checks counts for more than this.
    const std::int64_t longest_ns = std::int64_t{std::max(limit_ms_ / 4, 2 * interval_ms)} * 1'000'000;
    const std::int64_t excused_ns = std::max<std::int64_t>(0, now_ns - checked_ns_ - longest_ns);
    checked_ns_ = now_ns;
    for (std::size_t i = 0; i < count_; ++i) {
        Watched& w = workers_[i];
        w.progress_ns += excused_ns;
        const std::uint64_t loops = __atomic_load_n(w.loops, __ATOMIC_RELAXED);
        if (loops != w.seen) {
            w.seen = loops;
            w.progress_ns = now_ns;
        } else if (now_ns - w.progress_ns > std::int64_t{limit_ms_} * 1'000'000) {
            abort_with_stack_of(i);
        }
    }
}

// Not through the log, which allocates: the stuck thread may hold the allocator's lock.
void Watchdog::abort_with_stack_of(std::size_t i) noexcept {
    std::fprintf(stderr,
                 "watchdog: worker %zu has made no progress for %d ms; aborting so that it can be restarted. Its stack:\n",
                 i, limit_ms_);
    const pthread_t thread = workers_[i].thread.load(std::memory_order_acquire);
    if (thread != pthread_t{}) {
        stack_written.store(false, std::memory_order_relaxed);
        (void)pthread_kill(thread, stack_signal);
        for (int waited = 0; waited < patience_ms && !stack_written.load(std::memory_order_acquire); ++waited) {
            (void)poll(nullptr, 0, 1);
        }
    }
    if (!stack_written.load(std::memory_order_acquire)) {
        std::fprintf(stderr, "watchdog: worker %zu takes no signal either: its thread is stopped, or stuck in the kernel\n",
                     i);
    }
    std::abort();
}

}  // namespace sluice::app
