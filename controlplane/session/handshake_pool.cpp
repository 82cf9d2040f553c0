#include "controlplane/session/handshake_pool.hpp"

#include <malloc.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <optional>
#include <thread>
#include <utility>

namespace sluice::session {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto flights_apart = std::chrono::milliseconds(20);
// A crowd's handshakes take tens of megabytes at their peak, which the allocator would keep.
constexpr std::size_t crowd = 64;
constexpr auto crowd_is_over = std::chrono::seconds(1);

}  // namespace

// One thread and its handshakes.
class HandshakePool::Lane {
public:
    explicit Lane(HandshakePool& pool) : pool_(pool), thread_([this] { run(); }) {}
    ~Lane() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    struct Job {
        abi::TransportId session;
        std::unique_ptr<HandshakeSpec> begin;  // a new one
        std::vector<std::uint8_t> datagram;    // else one of its datagrams; empty: forget it
        abi::FlowAddress flow;
        Clock::time_point queued;
    };

    bool queue(Job job, std::size_t limit) {
        {
            const std::lock_guard lock(mutex_);
            if (jobs_.size() >= limit) return false;
            jobs_.push_back(std::move(job));
        }
        wake_.notify_one();
        return true;
    }

    [[nodiscard]] std::chrono::nanoseconds waited() const noexcept {
        return std::chrono::nanoseconds(waited_ns_.load(std::memory_order_relaxed));
    }

private:
    void run() {
        Clock::time_point next_flights = Clock::now() + flights_apart;
        for (;;) {
            std::vector<Job> jobs;
            {
                std::unique_lock lock(mutex_);
                const auto due = [this] { return stop_ || !jobs_.empty(); };
                if (jobs_.empty()) waited_ns_.store(0, std::memory_order_relaxed);
                if (handshakes_.empty() && ended_ >= crowd && !wake_.wait_for(lock, crowd_is_over, due)) {
                    ended_ = 0;
                    lock.unlock();
                    ::malloc_trim(0);
                    lock.lock();
                }
                if (handshakes_.empty())
                    wake_.wait(lock, due);
                else
                    wake_.wait_until(lock, next_flights, due);
                if (stop_) return;
                jobs.swap(jobs_);
            }
            for (Job& job : jobs) {
                waited_ns_.store(std::chrono::nanoseconds(Clock::now() - job.queued).count(), std::memory_order_relaxed);
                work(job);
                if (Clock::now() >= next_flights) {
                    flights();
                    next_flights = Clock::now() + flights_apart;
                }
            }
            if (Clock::now() >= next_flights) {
                flights();
                next_flights = Clock::now() + flights_apart;
            }
        }
    }

    void work(Job& job) {
        if (job.begin) {
            auto [at, created] = handshakes_.insert_or_assign(job.session, Handshake(job.session, *job.begin));
            return settle(at->second.start());
        }
        const auto at = handshakes_.find(job.session);
        if (at == handshakes_.end()) return;
        if (!job.datagram.empty()) return settle(at->second.receive(job.datagram, job.flow));
        handshakes_.erase(at);
        ++ended_;
    }

    // Sorts a step's result out: each is told at once, as the peer waits for it.
    void settle(std::optional<HandshakeResult> result) {
        if (!result) return;
        if (result->keys || !result->error.empty()) ended_ += handshakes_.erase(result->session);
        std::vector<HandshakeResult> one;
        one.push_back(std::move(*result));
        pool_.deliver(std::move(one));
    }

    void flights() {
        std::vector<HandshakeResult> results;
        for (auto at = handshakes_.begin(); at != handshakes_.end();) {
            auto result = at->second.tick();
            const bool over = result && (result->keys || !result->error.empty());
            if (result) results.push_back(std::move(*result));
            ended_ += over ? 1 : 0;
            at = over ? handshakes_.erase(at) : std::next(at);
        }
        if (!results.empty()) pool_.deliver(std::move(results));
    }

    HandshakePool& pool_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Job> jobs_;  // under the mutex
    bool stop_ = false;      // under the mutex
    std::atomic<std::int64_t> waited_ns_ = 0;
    std::map<abi::TransportId, Handshake> handshakes_;  // the thread's own
    std::size_t ended_ = 0;                             // since memory was given back; the thread's own
    std::thread thread_;                                // last: it runs at once
};

unsigned HandshakePool::default_threads() noexcept {
    return std::clamp(std::thread::hardware_concurrency(), 2u, max_threads + 1) - 1;
}

HandshakePool::HandshakePool(unsigned threads, std::function<void()> wake) : wake_(std::move(wake)) {
    if (threads == 0) threads = default_threads();
    for (unsigned i = 0; i < std::min(threads, max_threads); ++i) lanes_.push_back(std::make_unique<Lane>(*this));
}

HandshakePool::~HandshakePool() = default;

HandshakePool::Lane& HandshakePool::lane_of(abi::TransportId session) noexcept {
    return *lanes_[static_cast<std::uint64_t>(session) % lanes_.size()];  // ids are random
}

void HandshakePool::begin(abi::TransportId session, HandshakeSpec spec) {
    ++counters_.begun;
    // Never refused: how many sessions are under way is bounded by admission.
    lane_of(session).queue({session, std::make_unique<HandshakeSpec>(std::move(spec)), {}, {}, Clock::now()}, SIZE_MAX);
}

void HandshakePool::receive(abi::TransportId session, ByteView datagram, const abi::FlowAddress& flow) {
    if (datagram.empty()) return;
    if (!lane_of(session).queue({session, nullptr, {datagram.begin(), datagram.end()}, flow, Clock::now()}, max_queued))
        ++counters_.dropped;
}

void HandshakePool::forget(abi::TransportId session) {
    lane_of(session).queue({session, nullptr, {}, {}, Clock::now()}, SIZE_MAX);
}

void HandshakePool::deliver(std::vector<HandshakeResult> results) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = results_.empty();
        for (HandshakeResult& result : results) results_.push_back(std::move(result));
    }
    if (first) wake_();
}

std::vector<HandshakeResult> HandshakePool::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(results_, {});
}

std::chrono::nanoseconds HandshakePool::waited() const noexcept {
    std::chrono::nanoseconds longest{};
    for (const auto& lane : lanes_) longest = std::max(longest, lane->waited());
    return longest;
}

}  // namespace sluice::session
