// Does the WHIP and WHEP requests of all peers on threads of its own, each with one connection that it keeps, so that a
// crowd's requests are under way at once and an HTTP server that is slow or dead never delays a packet. Threads are started
// as requests wait. Results are picked up on the main thread when event_fd() is readable.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/unique_fd.hpp"
#include "tools/load/http_client.hpp"

namespace sluice::loadgen {

struct SignalJob {
    std::uint32_t peer = 0;
    HttpRequest request;
    double timeout_s = 30;  // with the retries on 503 and on connections that fail
    bool retry = true;
};

struct SignalResult {
    std::uint32_t peer = 0;
    std::string method{};
    std::int64_t started_ns = 0;  // when the successful try began
    std::int64_t finished_ns = 0;
    int status = 0;  // 0: no HTTP answer, `error` says why
    std::string error{};
    std::string location{};  // path
    std::string body{};
};

// Any thread; take() and the rest are used by the main thread.
class Signaller {
public:
    Signaller(Endpoint server, std::uint32_t connections);
    ~Signaller();
    Signaller(const Signaller&) = delete;
    Signaller& operator=(const Signaller&) = delete;

    void push(SignalJob job);
    [[nodiscard]] std::vector<SignalResult> take();
    [[nodiscard]] int event_fd() const noexcept { return event_.get(); }
    [[nodiscard]] std::size_t outstanding();
    // Tries that were refused or failed and are made again, and what the last of them was told.
    struct Retries {
        std::uint64_t count = 0;
        std::string last;
    };
    [[nodiscard]] Retries retries();

private:
    void run();
    [[nodiscard]] SignalResult perform(HttpClient& client, const SignalJob& job);

    Endpoint server_;
    UniqueFd event_;
    std::mutex mutex_;
    std::condition_variable wake_;  // a job
    std::condition_variable stop_;  // ends the pause before a retry
    std::deque<SignalJob> jobs_;
    std::vector<SignalResult> results_;
    std::size_t outstanding_ = 0;
    Retries retries_;
    std::size_t idle_ = 0;
    std::uint32_t connections_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;  // main thread only
};

}  // namespace sluice::loadgen
