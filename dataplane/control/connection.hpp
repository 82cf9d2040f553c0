// One connection of the control socket: records in, records out, descriptors with the first answer. Main only.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "dataplane/abi/messages.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::control {

class Connection {
public:
    explicit Connection(int fd) : fd_(fd) {}
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    enum class Read : std::uint8_t { record, would_block, closed };
    // One record into `buffer`, whose size it becomes.
    Read read(std::vector<std::uint8_t>& buffer);
    // Queues a record; `fds` are sent along and stay the caller's (they are duplicated).
    void send(ByteView record, std::span<const int> fds = {});
    // False when the peer is gone, or reads so slowly that 64 MiB wait for it.
    bool flush();
    [[nodiscard]] bool wants_write() const noexcept { return !out_.empty(); }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool failed() const noexcept { return failed_; }

    // What HELLO settled.
    bool greeted = false;
    abi::ConnectionRole role = abi::ConnectionRole::observer;
    std::uint64_t epoch = 0;
    bool in_transaction = false;
    std::uint64_t serial = 0;
    std::uint32_t peer_uid = ~0u;  // by SO_PEERCRED
    std::uint32_t peer_pid = 0;
    bool subscribed = false;  // an observer that is sent the events
    std::vector<std::vector<std::uint8_t>> staged;

private:
    struct Outgoing {
        std::vector<std::uint8_t> record;
        std::vector<int> fds;
    };
    int fd_;
    bool failed_ = false;
    std::size_t queued_ = 0;
    std::deque<Outgoing> out_;
};

}  // namespace sluice::control
