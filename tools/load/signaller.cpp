#include "tools/load/signaller.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "controlplane/core/clock.hpp"
#include "tools/load/url.hpp"

namespace sluice::loadgen {

Signaller::Signaller(Endpoint server, std::uint32_t connections)
    : server_(server), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), connections_(connections) {}

Signaller::~Signaller() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        jobs_.clear();
    }
    wake_.notify_all();
    stop_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Signaller::push(SignalJob job) {
    bool one_more = false;
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
        ++outstanding_;
        one_more = idle_ < jobs_.size() && threads_.size() < connections_;
    }
    if (one_more) threads_.emplace_back([this] { run(); });
    wake_.notify_one();
}

std::vector<SignalResult> Signaller::take() {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto n = ::read(event_.get(), &ignored, sizeof ignored);
    const std::lock_guard lock(mutex_);
    outstanding_ -= results_.size();
    return std::exchange(results_, {});
}

std::size_t Signaller::outstanding() {
    const std::lock_guard lock(mutex_);
    return outstanding_;
}

Signaller::Retries Signaller::retries() {
    const std::lock_guard lock(mutex_);
    return retries_;
}

void Signaller::run() {
    HttpClient client(server_);
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        --idle_;
        if (stopping_) return;
        const SignalJob job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        SignalResult result = perform(client, job);
        lock.lock();
        results_.push_back(std::move(result));
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(event_.get(), &one, sizeof one);
    }
}

SignalResult Signaller::perform(HttpClient& client, const SignalJob& job) {
    const std::int64_t deadline = core::monotonic_ns() + static_cast<std::int64_t>(job.timeout_s * 1e9);
    SignalResult result{.peer = job.peer, .method = job.request.method};
    while (true) {
        result.started_ns = core::monotonic_ns();
        const auto left = std::chrono::milliseconds(std::max<std::int64_t>(1, (deadline - result.started_ns) / 1'000'000));
        const auto answer = client.exchange(job.request, left);
        result.finished_ns = core::monotonic_ns();
        double pause_s = 0.2;
        if (answer) {
            result.status = answer->status;
            result.body = answer->body;
            result.location = resolve_location(answer->location, job.request.path);
            if (answer->status != 503) return result;
            pause_s = std::clamp(answer->retry_after_s, 0.2, 2.0);
        } else {
            result.status = 0;
            result.error = answer.error();
        }
        std::unique_lock lock(mutex_);
        const auto pause = std::chrono::nanoseconds(static_cast<std::int64_t>(pause_s * 1e9));
        if (!job.retry || result.finished_ns + pause.count() >= deadline || stopping_) return result;
        ++retries_.count;
        retries_.last = answer ? std::to_string(answer->status) + ' ' + answer->body.substr(0, 200) : answer.error();
        stop_.wait_for(lock, pause, [this] { return stopping_; });
        if (stopping_) return result;
    }
}

}  // namespace sluice::loadgen
