#include "dataplane/control/connection.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::control {
namespace {
constexpr std::size_t max_queued = 64u << 20;
}

Connection::~Connection() {
    for (const Outgoing& o : out_) {
        for (const int fd : o.fds) close(fd);
    }
    if (fd_ >= 0) close(fd_);
}

Connection::Read Connection::read(std::vector<std::uint8_t>& buffer) {
    buffer.resize(abi::max_message + 4096);
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? Read::would_block : Read::closed;
    if (n == 0) return Read::closed;
    // A record that was cut keeps its length wrong on purpose: its header's size will not match.
    buffer.resize(std::min(static_cast<std::size_t>(n), buffer.size()));
    return Read::record;
}

void Connection::send(ByteView record, std::span<const int> fds) {
    if (failed_) return;
    queued_ += record.size();
    if (queued_ > max_queued) {
        failed_ = true;
        return;
    }
    Outgoing o{{record.begin(), record.end()}, {}};
    for (const int fd : fds) o.fds.push_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    out_.push_back(std::move(o));
}

bool Connection::flush() {
    while (!failed_ && !out_.empty()) {
        Outgoing& o = out_.front();
        iovec io{o.record.data(), o.record.size()};
        msghdr message{};
        message.msg_iov = &io;
        message.msg_iovlen = 1;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 8)> control{};
        if (!o.fds.empty()) {
            message.msg_control = control.data();
            message.msg_controllen = CMSG_SPACE(sizeof(int) * o.fds.size());
            cmsghdr* c = CMSG_FIRSTHDR(&message);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int) * o.fds.size());
            std::memcpy(CMSG_DATA(c), o.fds.data(), sizeof(int) * o.fds.size());
        }
        if (sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            if (errno == EAGAIN || errno == EINTR) return true;
            failed_ = true;
            break;
        }
        for (const int fd : o.fds) close(fd);
        queued_ -= o.record.size();
        out_.pop_front();
    }
    return !failed_;
}

}  // namespace sluice::control
