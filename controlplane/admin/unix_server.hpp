// HTTP on a unix socket of mode 0600, for sluicectl: whoever may open the socket may do everything. One request a
// connection, small bodies, a deadline on each.
//
// Thread: the io thread. The router must outlive the server.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "signaling/http/router.hpp"

namespace boost::asio {
class io_context;
}

namespace sluice::admin {

class UnixServer {
public:
    UnixServer(boost::asio::io_context& io, const http::Router& router);
    ~UnixServer();
    UnixServer(const UnixServer&) = delete;
    UnixServer& operator=(const UnixServer&) = delete;

    // Replaces a socket file that nobody listens on; refuses one that is in use.
    std::expected<void, std::string> start(const std::string& path);
    // Closes and removes the socket file.
    void stop();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::admin
