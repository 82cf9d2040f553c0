// Endpoint to sockaddr and back. An IPv4 endpoint becomes a sockaddr_in, so that the kernel's IPv4 rules hold.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "dataplane/base/endpoint.hpp"

namespace sluice::loadgen {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    explicit SocketAddress(const Endpoint& endpoint) noexcept {
        if (endpoint.address.is_v4()) {
            sockaddr_in v4{};
            v4.sin_family = AF_INET;
            v4.sin_port = htons(endpoint.port);
            v4.sin_addr.s_addr = endpoint.address.v4().raw();
            size = sizeof v4;
            std::memcpy(&storage, &v4, sizeof v4);
        } else {
            sockaddr_in6 v6{};
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(endpoint.port);
            std::memcpy(&v6.sin6_addr, endpoint.address.bytes.data(), 16);
            size = sizeof v6;
            std::memcpy(&storage, &v6, sizeof v6);
        }
    }
    [[nodiscard]] int family() const noexcept { return storage.ss_family; }
    [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

}  // namespace sluice::loadgen
