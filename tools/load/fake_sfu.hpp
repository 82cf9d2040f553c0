// Test support: the smallest SFU that sluice-load can talk to, in this process on 127.0.0.1, with faults on demand. One
// publisher's packets go to every viewer; NACKs are answered by RTX, PLIs go up.
//
// Theory of operation: HTTP runs on LoopbackServer's thread, media on one of its own; a mutex guards all state. The faults
// are what a real SFU must never do, so that a test can see that sluice-load notices. It keeps account of what it did, so
// that a test waits for what happened instead of for time, and compares what sluice-load says with what was done.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "controlplane/dtls/context.hpp"
#include "dataplane/base/endpoint.hpp"
#include "dataplane/base/unique_fd.hpp"
#include "dataplane/srtp/engine.hpp"
#include "signaling/http/loopback.hpp"

namespace sluice::loadgen::test {

struct Faults {
    std::atomic<std::uint32_t> drop_one_in = 0;  // of the packets to viewers; RTX still has them
    std::atomic<bool> answer_checks = true;
    std::atomic<bool> answer_nacks = true;
    std::atomic<bool> forward = true;
    std::atomic<std::uint32_t> skip_one_in = 0;  // left out without a gap in the numbers
    std::atomic<bool> corrupt_next = false;      // flips a byte of one sealed packet
    std::atomic<bool> garble_next = false;       // flips a byte of one payload before sealing
    std::atomic<bool> follow_moves = true;       // to the address that a peer sends from
    std::atomic<bool> full_agent = false;        // checks its peers, as no ICE-lite agent does
    std::atomic<bool> number_transport = false;  // packets to viewers have a transport-wide number
};

class FakeSfu {
public:
    FakeSfu();
    ~FakeSfu();

    [[nodiscard]] std::uint16_t http_port() const { return server_->port(); }
    // A new life of the media path: indices go on `gap` further than they were; negative re-uses old ones.
    void renumber(std::int64_t gap);
    [[nodiscard]] std::size_t sessions();
    [[nodiscard]] std::uint64_t path_switches() const noexcept { return path_switches_; }
    [[nodiscard]] std::uint64_t checks_answered() const noexcept { return checks_answered_; }
    // Arrivals that viewers' transport-cc feedback has told of.
    [[nodiscard]] std::uint64_t arrivals_told() const noexcept { return arrivals_told_; }
    // RTP packets of the publishers that opened, and those sent to viewers, RTX and gone sessions included.
    struct Account {
        std::uint64_t taken = 0;
        std::uint64_t given = 0;
        std::uint64_t least_given = 0;  // the fewest that any viewer was sent who is there
    };
    [[nodiscard]] Account account();
    // Of any viewer's first track, also of those that are gone: the longest pause between two packets that ended after
    // `since_ns`, or is under way at `until_ns` (CLOCK_MONOTONIC).
    [[nodiscard]] std::int64_t longest_pause_ns(std::int64_t since_ns, std::int64_t until_ns);

    Faults faults;

private:
    struct Session;

    void route(http::Router& router);
    http::Response create(const http::Request& request, bool publishes);
    http::Response remove(const http::Request& request);
    void media_loop();
    void receive(Session& s, ByteView datagram, const Endpoint& from);
    void from_publisher(Session& s, ByteView sealed);
    void forward(Session& viewer, std::uint8_t publisher_track, ByteView plain);
    void from_viewer(Session& viewer, ByteView rtcp);
    void send_rtp(Session& s, std::size_t track, bool rtx, std::uint64_t index, ByteView payload, std::uint32_t ts,
                  bool marker);
    void send(Session& s, ByteView datagram);
    void check(Session& s);
    void timers();

    dtls::Context dtls_;
    std::unique_ptr<srtp::Engine> engine_;
    UniqueFd socket_;
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::uint32_t next_id_ = 1;
    std::atomic<std::uint64_t> path_switches_ = 0, checks_answered_ = 0, arrivals_told_ = 0;
    std::uint64_t taken_ = 0, given_ = 0;
    std::deque<std::vector<std::int64_t>> given_ns_;  // a list per viewer: the packets of the first track, without RTX
    std::int64_t next_report_ns_ = 0;
    std::atomic<bool> stopping_ = false;
    std::unique_ptr<http::testing::LoopbackServer> server_;
    std::thread thread_;
};

}  // namespace sluice::loadgen::test
