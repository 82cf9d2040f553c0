// One accepted connection: TLS or plain, requests in order, at most one upgrade to WebSocket.
//
// Theory of operation: run() is the connection's life as one coroutine. A single deadline timer guards whatever it
// waits for; when it fires it closes the socket, the pending operation fails, and run() unwinds. Server::stop() does
// the same through close().
//
// Thread: the io thread.
#pragma once

#include "signaling/http/request_reader.hpp"
#include "signaling/http/server.hpp"
#include "signaling/http/stream.hpp"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>
#include <unordered_set>

namespace sluice::http {

class Connection;

/// What the connections of a server share. Outlives the server while coroutines unwind.
struct ServerCore {
    Options options;
    const Router* router = nullptr;  // null once stopped
    Stats stats;
    std::shared_ptr<boost::asio::ssl::context> tls;  // replaced by a reload; connections keep their own reference
    std::unordered_set<Connection*> connections;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<ServerCore> core, Stream::Socket socket);
    ~Connection();

    /// Keeps itself alive by the shared_ptr that the caller passes.
    static boost::asio::awaitable<void> run(std::shared_ptr<Connection> self);
    void close();

    // For the WebSocket that took the connection over.
    Stream& stream() { return *stream_; }
    ServerCore& core() { return *core_; }
    boost::asio::any_io_executor executor() { return deadline_.get_executor(); }
    /// Closes the connection unless armed again within `limit`.
    enum class Expiry : std::uint8_t { counted, routine };  // routine: idle or closing, no fault of the peer
    void arm(std::chrono::milliseconds limit, Expiry expiry = Expiry::counted);
    void disarm() { deadline_.cancel(); }

private:
    enum class Next { proceed, close };

    boost::asio::awaitable<Next> establish();
    boost::asio::awaitable<Next> read_request();
    boost::asio::awaitable<Next> answer(Request request);
    boost::asio::awaitable<Response> call_handler(Request request);
    boost::asio::awaitable<void> upgrade(Request request, Router::WebSocketRoute route);
    boost::asio::awaitable<std::optional<Response>> ask_gate(const Request& request, const WebSocketGate& gate);
    boost::asio::awaitable<Next> send(Response response, bool head, bool keep_alive);
    boost::asio::awaitable<void> linger();

    std::shared_ptr<ServerCore> core_;
    boost::asio::steady_timer deadline_;
    boost::asio::steady_timer handler_limit_;
    Stream::Socket accepted_;  // until establish() has made a stream of it
    std::unique_ptr<Stream> stream_;
    RequestReader reader_;
    std::string remote_address_;
    std::uint16_t remote_port_ = 0;
    std::array<char, 16384> buffer_;
};

}  // namespace sluice::http
