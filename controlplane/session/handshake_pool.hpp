// The threads that DTLS handshakes run on, so that a crowd's asymmetric crypto does not stand before signaling, events and
// the data plane's acknowledgements.
//
// Theory of operation. A session belongs to one thread, by its id, from begin() to its end: its datagrams are worked on in
// the order in which they came, and nothing of a handshake is shared. A thread has a queue of jobs, takes all of it at once,
// and looks after its flights' timers every 20 ms while it has any handshakes. What a step leads to goes to one queue for
// all threads, in order for each session; the first result in it wakes the io thread, which takes them all. A handshake
// leaves its thread with its keys, its failure, or forget(); a datagram of one that has left is nobody's.
//
// When a crowd is over and its thread has been idle for a second, the allocator gives back what the handshakes took.
//
// A queue is bounded: what comes beyond is dropped and counted, as DTLS repeats it. waited() tells admission when the
// threads do not keep up.
//
// Example: HandshakePool pool(2, [&] { asio::post(io, [&] { for (auto& r : pool.take()) handle(r); }); });
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "controlplane/session/handshake.hpp"

namespace sluice::session {

struct HandshakePoolCounters {
    std::uint64_t begun = 0;
    std::uint64_t dropped = 0;  // datagrams for which there was no room
};

// The public functions: io thread only.
class HandshakePool {
public:
    static constexpr unsigned max_threads = 8;
    static constexpr std::size_t max_queued = 4096;  // datagrams per thread
    // Cores minus one, as the other is the io thread's; 1 to 8.
    [[nodiscard]] static unsigned default_threads() noexcept;

    // `wake` is called on a pool thread when results wait, once until take().
    HandshakePool(unsigned threads, std::function<void()> wake);
    // Ends the threads; what is under way is dropped.
    ~HandshakePool();
    HandshakePool(const HandshakePool&) = delete;
    HandshakePool& operator=(const HandshakePool&) = delete;

    void begin(abi::TransportId session, HandshakeSpec spec);
    void receive(abi::TransportId session, ByteView datagram, const abi::FlowAddress& flow);
    // Results that are on their way already still come.
    void forget(abi::TransportId session);
    [[nodiscard]] std::vector<HandshakeResult> take();

    [[nodiscard]] unsigned threads() const noexcept { return static_cast<unsigned>(lanes_.size()); }
    // How long the job that is worked on now had waited; of the slowest thread.
    [[nodiscard]] std::chrono::nanoseconds waited() const noexcept;
    [[nodiscard]] const HandshakePoolCounters& counters() const noexcept { return counters_; }

private:
    class Lane;
    [[nodiscard]] Lane& lane_of(abi::TransportId session) noexcept;
    void deliver(std::vector<HandshakeResult> results);

    std::function<void()> wake_;
    std::mutex mutex_;
    std::vector<HandshakeResult> results_;  // under the mutex
    HandshakePoolCounters counters_;
    std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace sluice::session
