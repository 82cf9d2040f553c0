// A peer's way to the SFU: a connected UDP socket of the kernel with a local port of its own, so that each peer is a 5-tuple
// of its own. Everything that a peer knows of sockets is here; another wire (memif) would be a second class of this form.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/endpoint.hpp"
#include "dataplane/base/unique_fd.hpp"

namespace sluice::loadgen {

// Main thread only.
class UdpSocket {
public:
    struct Received {
        ByteView datagram;
        std::int64_t kernel_unix_ns = 0;  // when the kernel got it; 0 when it does not say
    };

    // Opens anew, at another local port, and joins the epoll set under `tag`, by edges: receive() reads until there is
    // nothing left. False with errno.
    [[nodiscard]] bool open(const Endpoint& remote, const std::optional<IpAddress>& local, int epoll, void* tag);
    // Another remote, from the same port.
    [[nodiscard]] bool connect(const Endpoint& remote);
    void close() noexcept { fd_.reset(); }
    [[nodiscard]] bool send(ByteView datagram) const noexcept;

    // Calls `take` for each datagram that is waiting; it may close or reopen the socket.
    template <typename F>
    void receive(F&& take);

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return local_port_; }
    // Datagrams that the socket's buffer had no room for, of all sockets that this one was.
    [[nodiscard]] std::uint64_t drops() const noexcept { return drops_; }

private:
    // Buffers of one recvmmsg, shared by all sockets; what the kernel writes is set back after use.
    struct Batch {
        static constexpr unsigned size = 32;
        std::uint8_t buffers[size][2048];
        mmsghdr messages[size]{};
        iovec vectors[size];
        alignas(cmsghdr) char controls[size][96];

        Batch() noexcept;
        void reset(unsigned i) noexcept { messages[i].msg_hdr.msg_controllen = sizeof controls[i]; }
    };
    [[nodiscard]] static Batch& batch();
    // How many of the batch were filled; 0 for none.
    [[nodiscard]] unsigned fill(Batch& batch) const noexcept;
    [[nodiscard]] Received take_control(Batch& batch, unsigned i) noexcept;

    UniqueFd fd_;
    std::uint16_t local_port_ = 0;
    std::uint32_t kernel_drops_ = 0;
    std::uint64_t drops_ = 0;
};

template <typename F>
void UdpSocket::receive(F&& take) {
    Batch& shared = batch();
    while (fd_) {
        const unsigned count = fill(shared);
        for (unsigned i = 0; i < count; ++i) take(take_control(shared, i));
        if (count < Batch::size) return;
    }
}

}  // namespace sluice::loadgen
