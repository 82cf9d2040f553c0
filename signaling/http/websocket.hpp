// A server-side WebSocket (RFC 6455) as its user sees it.
//
// Theory of operation: the connection reads frames and calls `on_message` for each whole message, at most one
// at a time. Sends are queued and written by the connection; the queue is bounded in bytes, and a peer that does
// not drain it is disconnected (1013) rather than allowed to hold memory. Pings are answered and sent by the
// connection. After `on_close` ran, once, both callbacks are dropped, so they may hold the socket itself.
//
// Thread: the io thread only, as every callback.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sluice::http {

class WebSocket {
public:
    WebSocket() = default;
    WebSocket(const WebSocket&) = delete;
    WebSocket& operator=(const WebSocket&) = delete;
    virtual ~WebSocket() = default;

    /// False when the socket is closing or the queue would exceed its bound; in the latter case it is closed.
    virtual bool send_text(std::string message) = 0;
    virtual bool send_binary(std::string message) = 0;
    /// Starts the closing handshake after what is queued. `reason` is cut to 123 bytes.
    virtual void close(std::uint16_t code = 1000, std::string_view reason = {}) = 0;

    virtual bool is_open() const = 0;
    virtual std::size_t queued_bytes() const = 0;

    std::function<void(std::string message, bool binary)> on_message;
    /// The peer's close code; 1005 when it gave none, 1006 when the connection broke.
    std::function<void(std::uint16_t code)> on_close;
};

}  // namespace sluice::http
