// Notices a worker that makes no progress, shows where it stands, and aborts the process so that it is restarted and
// programmed again: frozen media is worse than media that is back within three seconds.
//
// Theory of operation. Each worker bumps a loop counter that main reads every 10 ms. When one has stood still for the limit,
// main sends its thread a signal whose handler writes that thread's stack to stderr by backtrace_symbols_fd, which neither
// allocates nor locks (the unwinder is loaded beforehand), waits for it briefly, and aborts. A thread that does not even
// take the signal is stopped or stuck in the kernel, which is then said. No core file is written: keys live in this process.
// Time is counted as main lived it: when main itself did not come for long, the whole machine stood still (a virtual one
// does when its host is crowded, or is migrated), and after that the workers get most of the limit again.
//
// Thread: main, but enroll() is called by each worker's own thread.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::app {

class Watchdog {
public:
    // `loops` are the workers' counters and outlive the watchdog. 0 ms: never aborts.
    Watchdog(std::vector<const std::uint64_t*> loops, int limit_ms);

    // The calling thread is worker `i` from now on.
    void enroll(std::size_t i) noexcept;
    // Everybody has made progress up to now.
    void start(std::int64_t now_ns) noexcept;
    void check(std::int64_t now_ns) noexcept;

private:
    [[noreturn]] void abort_with_stack_of(std::size_t i) noexcept;

    struct Watched {
        const std::uint64_t* loops = nullptr;
        std::uint64_t seen = 0;
        std::int64_t progress_ns = 0;
        std::atomic<pthread_t> thread{};
    };
    std::unique_ptr<Watched[]> workers_;
    std::size_t count_;
    int limit_ms_;
    std::int64_t checked_ns_ = 0;
};

}  // namespace sluice::app
