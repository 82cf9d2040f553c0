// Does the WHIP and WHEP requests of all peers on a thread of its own, one after another, so that an HTTP server that is
// slow or dead never delays a packet. Results are picked up on the main thread when event_fd() is readable.
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
    std::string location{};  // path only
    std::string body{};
};

// Any thread; take() and the rest are used by the main thread.
class Signaller {
public:
    explicit Signaller(Endpoint server);
    ~Signaller();
    Signaller(const Signaller&) = delete;
    Signaller& operator=(const Signaller&) = delete;

    void push(SignalJob job);
    [[nodiscard]] std::vector<SignalResult> take();
    [[nodiscard]] int event_fd() const noexcept { return event_.get(); }
    [[nodiscard]] std::size_t outstanding();

private:
    void run();
    [[nodiscard]] SignalResult perform(const SignalJob& job);

    Endpoint server_;
    UniqueFd event_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<SignalJob> jobs_;
    std::vector<SignalResult> results_;
    std::size_t outstanding_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace sluice::loadgen
