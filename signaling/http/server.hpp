// HTTP/1.1 and WebSocket server, plain and TLS on the same port.
//
// Theory of operation: one coroutine a connection. The first byte tells TLS (0x16) from plain HTTP. Requests of a
// connection are served one after another, in order, so pipelining is safe; a handler may answer later. Every wait
// has a deadline: the header block of a request from its first byte, its body, the handler, the write, and the pause
// between requests. A connection that misses one is closed; a peer can hold a connection slot, never memory beyond
// the limits below. Requests that do not parse are answered (400, 413, 431, ...) and the connection is closed.
//
// Thread: all members on the thread that runs the io_context (one thread). The Router must outlive start()..stop().
#pragma once

#include "signaling/http/router.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

namespace boost::asio {
class io_context;
}

namespace sluice::http {

struct Limits {
    std::size_t header_bytes = 64 * 1024;  // request line and header fields; above: 431
    std::size_t body_bytes = 256 * 1024;   // above: 413
    std::size_t websocket_message_bytes = 1024 * 1024;
    std::size_t websocket_queue_bytes = 4 * 1024 * 1024;
};

struct Timeouts {
    std::chrono::milliseconds header{10'000};  // from the first byte of a request (or from accept) to its blank line
    std::chrono::milliseconds body{15'000};
    std::chrono::milliseconds handler{30'000};  // then 504
    std::chrono::milliseconds write{20'000};
    std::chrono::milliseconds idle{60'000};  // between requests of a kept connection
    std::chrono::milliseconds websocket_ping{15'000};
    std::chrono::milliseconds websocket_silence{45'000};  // no frame, not even a pong
};

struct TlsFiles {
    std::string certificate_chain_path;  // PEM
    std::string private_key_path;        // PEM
    friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

struct Options {
    std::string listen_address;  // empty or "::" = every address, IPv4 and IPv6; "0.0.0.0" = IPv4 only
    std::uint16_t port = 0;      // 0 = any free one, see Server::port()
    int listening_fd = -1;       // an already listening socket to adopt (it is duplicated); address and port are ignored
    std::size_t max_connections = 4096;
    std::string server_name = "sluice";
    std::optional<TlsFiles> tls;
    Limits limits;
    Timeouts timeouts;
};

struct Stats {
    std::uint64_t accepted = 0;
    std::uint64_t refused_full = 0;  // over max_connections
    std::uint64_t active = 0;
    std::uint64_t tls_handshakes = 0;
    std::uint64_t tls_failures = 0;
    std::uint64_t requests = 0;
    std::uint64_t malformed = 0;  // answered 400, 413, 431, ... by the parser
    std::uint64_t timeouts = 0;
    std::uint64_t websockets = 0;
    std::uint64_t websockets_active = 0;
    std::array<std::uint64_t, 6> responses_by_class{};  // [2] counts 2xx
};

class Server {
public:
    Server(boost::asio::io_context& io, Options options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Listens. The error says what failed and on which address or file.
    std::expected<void, std::string> start(const Router& router);
    /// Reads the files again; new connections use the new certificate, old ones go on; a failure keeps the old one.
    std::expected<void, std::string> reload_certificates();
    /// The same, but only if a file changed since it was last tried. True: it did, and the new certificate is in use.
    std::expected<bool, std::string> refresh_certificates();
    /// Other files, or none: then new connections speak plain HTTP only. A failure keeps the old ones.
    std::expected<void, std::string> set_tls(std::optional<TlsFiles> files);
    /// What start() would say of such files.
    [[nodiscard]] static std::expected<void, std::string> check(const TlsFiles& files);
    /// For new connections; timeouts also for the next request of old ones.
    void set_limits(const Limits& limits, const Timeouts& timeouts, std::size_t max_connections);
    /// Closes the listening socket and every connection; idempotent. Coroutines end when the io_context runs next.
    void stop();

    std::uint16_t port() const;
    /// The listening socket, for a supervisor's fd store; -1 when not listening.
    int native_listening_fd() const;
    Stats stats() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::http
