#include "tools/load/udp_socket.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "tools/load/socket_address.hpp"

namespace sluice::loadgen {
namespace {

constexpr int receive_buffer_bytes = 4 << 20;

}  // namespace

UdpSocket::Batch::Batch() noexcept {
    for (unsigned i = 0; i < size; ++i) {
        vectors[i] = {buffers[i], sizeof buffers[i]};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = controls[i];
        reset(i);
    }
}

UdpSocket::Batch& UdpSocket::batch() {
    static Batch batch;
    return batch;
}

bool UdpSocket::open(const Endpoint& remote, const std::optional<IpAddress>& local, int epoll, void* tag) {
    fd_.reset();
    UniqueFd made(::socket(SocketAddress(remote).family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made) return false;
    const int on = 1;
    ::setsockopt(made.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    ::setsockopt(made.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes) != 0)
        ::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    if (local) {
        const SocketAddress address(Endpoint{*local, 0});
        if (::bind(made.get(), address.get(), address.size) != 0) return false;
    }
    const SocketAddress address(remote);
    if (::connect(made.get(), address.get(), address.size) != 0) return false;
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    ::getsockname(made.get(), reinterpret_cast<sockaddr*>(&name), &size);
    // The port stands at the same place for both families.
    local_port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = tag;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, made.get(), &event) != 0) return false;
    fd_ = std::move(made);
    kernel_drops_ = 0;
    return true;
}

bool UdpSocket::connect(const Endpoint& remote) {
    const SocketAddress address(remote);
    return ::connect(fd_.get(), address.get(), address.size) == 0;
}

bool UdpSocket::send(ByteView datagram) const noexcept {
    return ::send(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0;
}

unsigned UdpSocket::fill(Batch& batch) const noexcept {
    while (true) {
        const int count = ::recvmmsg(fd_.get(), batch.messages, Batch::size, 0, nullptr);
        if (count > 0) return static_cast<unsigned>(count);
        // An ICMP error of an earlier send is reported once here; the port may be back already.
        if (count == 0 || (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH)) return 0;
    }
}

UdpSocket::Received UdpSocket::take_control(Batch& batch, unsigned i) noexcept {
    Received received{{batch.buffers[i], batch.messages[i].msg_len}, 0};
    msghdr& header = batch.messages[i].msg_hdr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_type == SO_RXQ_OVFL) {
            std::uint32_t drops = 0;
            std::memcpy(&drops, CMSG_DATA(c), sizeof drops);
            drops_ += drops - kernel_drops_;
            kernel_drops_ = drops;
        } else if (c->cmsg_type == SCM_TIMESTAMPNS) {
            timespec at{};
            std::memcpy(&at, CMSG_DATA(c), sizeof at);
            received.kernel_unix_ns = at.tv_sec * 1'000'000'000 + at.tv_nsec;
        }
    }
    batch.reset(i);
    return received;
}

}  // namespace sluice::loadgen
