// The WebSocket of an upgraded connection: WsCodec for the frames, one reading and one writing coroutine.
//
// Thread: the io thread.
#pragma once

#include "signaling/http/connection.hpp"
#include "signaling/http/websocket.hpp"
#include "signaling/http/ws_codec.hpp"

#include <memory>
#include <string>

namespace sluice::http {

class WsConnection final : public WebSocket, public std::enable_shared_from_this<WsConnection> {
public:
    explicit WsConnection(std::shared_ptr<Connection> connection);

    bool send_text(std::string message) override { return send(message, false); }
    bool send_binary(std::string message) override { return send(message, true); }
    void close(std::uint16_t code, std::string_view reason) override;
    bool is_open() const override { return !closing_; }
    std::size_t queued_bytes() const override { return codec_.output_bytes() + in_flight_; }

    /// Until the connection is closed. `early` is what the peer sent right behind its upgrade request.
    static boost::asio::awaitable<void> run(std::shared_ptr<WsConnection> self, std::string early);
    /// Instead of run(): the handler failed, and may still hold this.
    void abandon() { const Release release(*this); }

private:
    bool send(std::string_view message, bool binary);
    void drop(std::uint16_t code);
    void deliver();
    static boost::asio::awaitable<void> write_loop(std::shared_ptr<WsConnection> self);

    struct Timers {
        boost::asio::steady_timer wake_writer;
        boost::asio::steady_timer writer_done;
    };

    /// Gives back what belongs to the server when run() ends, also when it is never resumed: a handler may keep its
    /// WebSocket for longer than the server and its io_context live.
    struct Release {
        explicit Release(WsConnection& socket) : owner(socket) {}
        ~Release();
        Release(const Release&) = delete;
        Release& operator=(const Release&) = delete;
        WsConnection& owner;
    };

    std::shared_ptr<Connection> connection_;  // null after run()
    WsCodec codec_;
    std::shared_ptr<Timers> timers_;  // null after run()
    std::size_t in_flight_ = 0;
    bool closing_ = false;  // no more sends: a close frame is queued, or the connection broke
    bool reading_done_ = false;
    bool writing_done_ = false;
    std::uint16_t own_code_ = 0;  // told to on_close when we broke the connection ourselves
};

}  // namespace sluice::http
