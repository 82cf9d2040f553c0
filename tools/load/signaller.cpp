#include "tools/load/signaller.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "controlplane/core/clock.hpp"

namespace sluice::loadgen {

Signaller::Signaller(Endpoint server)
    : server_(server), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { run(); }) {}

Signaller::~Signaller() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        jobs_.clear();
    }
    wake_.notify_all();
    thread_.join();
}

void Signaller::push(SignalJob job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
        ++outstanding_;
    }
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

void Signaller::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (stopping_) return;
        const SignalJob job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        SignalResult result = perform(job);
        lock.lock();
        results_.push_back(std::move(result));
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(event_.get(), &one, sizeof one);
    }
}

SignalResult Signaller::perform(const SignalJob& job) {
    const std::int64_t deadline = core::monotonic_ns() + static_cast<std::int64_t>(job.timeout_s * 1e9);
    SignalResult result{.peer = job.peer, .method = job.request.method};
    while (true) {
        result.started_ns = core::monotonic_ns();
        const auto left = std::chrono::milliseconds(std::max<std::int64_t>(1, (deadline - result.started_ns) / 1'000'000));
        const auto answer = http_exchange(server_, job.request, left);
        result.finished_ns = core::monotonic_ns();
        double pause_s = 0.2;
        if (answer) {
            result.status = answer->status;
            result.body = answer->body;
            result.location = answer->location;
            if (const auto scheme = result.location.find("://"); scheme != std::string::npos) {
                const auto path = result.location.find('/', scheme + 3);
                result.location = path == std::string::npos ? "/" : result.location.substr(path);
            }
            if (answer->status != 503) return result;
            pause_s = std::clamp(answer->retry_after_s, 0.2, 2.0);
        } else {
            result.status = 0;
            result.error = answer.error();
        }
        std::unique_lock lock(mutex_);
        const auto pause = std::chrono::nanoseconds(static_cast<std::int64_t>(pause_s * 1e9));
        if (!job.retry || result.finished_ns + pause.count() >= deadline || stopping_) return result;
        wake_.wait_for(lock, pause, [this] { return stopping_; });
        if (stopping_) return result;
    }
}

}  // namespace sluice::loadgen
