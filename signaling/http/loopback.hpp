// Test support: a Server with its io thread on 127.0.0.1, and a blocking client that sends bytes as told.
#pragma once

#include "signaling/http/server.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::http::testing {

class LoopbackServer {
public:
    /// `fill` registers the routes; listens on an ephemeral port of 127.0.0.1 unless the options say otherwise.
    explicit LoopbackServer(const std::function<void(Router&)>& fill, Options options = {});
    ~LoopbackServer();

    std::uint16_t port() const { return port_; }
    Stats stats();
    /// Runs `task` on the io thread and waits for it.
    void on_io(const std::function<void(Server&)>& task);
    boost::asio::io_context& io();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::uint16_t port_ = 0;
};

struct Answer {
    int status = 0;
    Headers headers;
    std::string body;
};

/// A blocking TCP client; every wait ends after 30 s.
class Client {
public:
    explicit Client(std::uint16_t port, const char* address = "127.0.0.1");
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool send(std::string_view bytes);
    void finish_sending();
    /// Nothing when the connection ended or the wait did. `head`: the answer has no body whatever its Content-Length.
    std::optional<Answer> read_answer(bool head = false);
    /// At least `count` bytes, fewer at the end of the stream.
    std::string read_bytes(std::size_t count);
    /// True when the server ended the connection, after dropping what was still to read.
    bool closed_by_server();
    int fd() const { return fd_; }

private:
    bool fill();
    int fd_ = -1;
    std::string input_;
};

/// Splits an answer off the front of `input`, nothing when it is incomplete.
std::optional<Answer> parse_answer(std::string& input, bool head);

}  // namespace sluice::http::testing
