#include "dataplane/port/netlink_socket.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace sluice::port {
namespace {

constexpr std::size_t buffer_size = 32768;  // the kernel's largest dump message
constexpr int receive_buffer = 1 << 20;     // bytes of notifications between two turns of main

}  // namespace

NetlinkSocket::NetlinkSocket(mnl_socket* socket) : socket_(socket), buffer_(buffer_size) {}

NetlinkSocket::NetlinkSocket(NetlinkSocket&& other) noexcept
    : socket_(other.socket_), sequence_(other.sequence_), buffer_(std::move(other.buffer_)) {
    other.socket_ = nullptr;
}

NetlinkSocket::~NetlinkSocket() {
    if (socket_ != nullptr) mnl_socket_close(socket_);
}

std::expected<NetlinkSocket, std::string> NetlinkSocket::open(const std::vector<unsigned>& groups) {
    const auto failed = [] { return std::unexpected(std::string("netlink: ") + std::strerror(errno)); };
    NetlinkSocket made(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (made.socket_ == nullptr || mnl_socket_bind(made.socket_, 0, MNL_SOCKET_AUTOPID) != 0) return failed();
    // Beyond the system's limit where we may, as large as the limit allows where not.
    const int fd = mnl_socket_get_fd(made.socket_);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    for (unsigned group : groups) {
        if (mnl_socket_setsockopt(made.socket_, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) return failed();
    }
    return made;
}

int NetlinkSocket::request(NetlinkRequest request, const Consumer& consumer) {
    nlmsghdr header;
    std::memcpy(&header, request.data(), sizeof header);
    header.nlmsg_seq = ++sequence_;
    std::memcpy(request.data(), &header, sizeof header);
    if (mnl_socket_sendto(socket_, request.data(), request.size()) < 0) return errno;
    const bool dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    while (true) {
        ssize_t length = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
        if (length < 0) return errno;
        int left = static_cast<int>(length);
        for (auto* m = static_cast<const nlmsghdr*>(static_cast<const void*>(buffer_.data())); mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            if (m->nlmsg_seq != sequence_) continue;  // the rest of an answer that was given up
            if (m->nlmsg_type == NLMSG_DONE) return 0;
            if (m->nlmsg_type == NLMSG_ERROR) {
                if (mnl_nlmsg_get_payload_len(m) < sizeof(nlmsgerr)) return EBADMSG;
                return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(m))->error;
            }
            if (consumer) consumer(*m);
            if (!dump) return 0;
        }
    }
}

NetlinkSocket::Received NetlinkSocket::receive(const Consumer& consumer) {
    Received result = Received::nothing;
    while (true) {
        const ssize_t length = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
        if (length < 0) {
            // Truncated (ENOSPC) is as good as lost.
            if (errno == ENOBUFS || errno == ENOSPC) {
                result = Received::overrun;
                continue;
            }
            return result;
        }
        int left = static_cast<int>(length);
        for (auto* m = static_cast<const nlmsghdr*>(static_cast<const void*>(buffer_.data())); mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            if (result == Received::nothing) result = Received::something;
            consumer(*m);
        }
    }
}

}  // namespace sluice::port
