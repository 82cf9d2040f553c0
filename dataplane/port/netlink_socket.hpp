// A socket to the kernel's routing tables: requests with their answers, or notifications.
//
// The kernel works on a request inside send(), so an answer is there when send() returns and nothing here waits.
//
// Thread: main only.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/port/rtnetlink.hpp"

struct mnl_socket;

namespace sluice::port {

class NetlinkSocket {
public:
    // `groups`: RTNLGRP_* to be notified of; a socket with groups is for receive() only.
    [[nodiscard]] static std::expected<NetlinkSocket, std::string> open(const std::vector<unsigned>& groups = {});
    ~NetlinkSocket();
    NetlinkSocket(NetlinkSocket&& other) noexcept;
    NetlinkSocket& operator=(NetlinkSocket&&) = delete;

    using Consumer = std::function<void(const nlmsghdr&)>;
    // Sends it and gives every message of the answer to `consumer`. Returns 0, or the kernel's errno.
    int request(NetlinkRequest request, const Consumer& consumer = {});

    enum class Received : std::uint8_t { nothing, something, overrun };
    // What has arrived since. overrun: the kernel had more than the socket holds, so whatever was known must be asked for
    // again.
    Received receive(const Consumer& consumer);

private:
    explicit NetlinkSocket(mnl_socket* socket);
    mnl_socket* socket_;
    std::uint32_t sequence_ = 0;
    std::vector<std::uint8_t> buffer_;
};

}  // namespace sluice::port
