// WebSocket framing and the opening handshake (RFC 6455), sans I/O, over wslay.
//
// Theory of operation: receive() bytes of the peer, take_messages() what became whole, queue what shall go out and
// take_output() the bytes. Pongs, close replies and the close frames that answer protocol errors queue themselves.
//
// Thread: one owner.
#pragma once

#include "signaling/http/message.hpp"

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct wslay_event_context;

namespace sluice::http {

/// The 101 of a valid upgrade request, or the refusal (400, 426).
std::expected<Response, Response> websocket_handshake(const Request& request);
bool is_websocket_upgrade(const Request& request);

class WsCodec {
public:
    struct Message {
        std::string data;
        bool binary = false;
    };

    explicit WsCodec(std::size_t max_message_bytes);
    ~WsCodec();
    WsCodec(const WsCodec&) = delete;
    WsCodec& operator=(const WsCodec&) = delete;

    /// False when nothing more is to be read: closed by the peer, or a protocol error (its close frame is queued).
    bool receive(std::string_view bytes);
    std::vector<Message> take_messages();

    void queue_message(std::string_view data, bool binary);
    void queue_ping();
    void queue_close(std::uint16_t code, std::string_view reason);

    std::size_t output_bytes() const { return output_.size(); }
    std::string take_output();

    bool close_sent() const;
    bool close_received() const;
    /// The peer's code; 1005 when its close frame had none, 1006 when no close frame came.
    std::uint16_t close_code() const;

private:
    struct Callbacks;
    void flush();

    wslay_event_context* context_ = nullptr;
    std::string_view input_;
    std::string output_;
    std::vector<Message> messages_;
};

}  // namespace sluice::http
