#include "signaling/http/ws_connection.hpp"

#include "signaling/http/awaitable.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <array>

namespace sluice::http {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds closing_time{5000};  // for the peer's close frame and for our last bytes
constexpr std::uint16_t internal_error = 1011;
constexpr std::uint16_t try_again_later = 1013;

}  // namespace

WsConnection::WsConnection(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)),
      codec_(connection_->core().options.limits.websocket_message_bytes),
      timers_(std::make_shared<Timers>(boost::asio::steady_timer(connection_->executor()),
                                       boost::asio::steady_timer(connection_->executor()))) {}

bool WsConnection::send(std::string_view message, bool binary) {
    if (closing_) return false;
    if (queued_bytes() + message.size() > connection_->core().options.limits.websocket_queue_bytes) {
        drop(try_again_later);
        return false;
    }
    codec_.queue_message(message, binary);
    timers_->wake_writer.cancel();
    return true;
}

void WsConnection::close(std::uint16_t code, std::string_view reason) {
    if (closing_) return;
    closing_ = true;
    codec_.queue_close(code, reason);
    timers_->wake_writer.cancel();
    connection_->arm(closing_time);
}

void WsConnection::drop(std::uint16_t code) {
    closing_ = true;
    own_code_ = code;
    connection_->close();
    timers_->wake_writer.cancel();
}

void WsConnection::deliver() {
    for (auto& message : codec_.take_messages())
        if (on_message && !reading_done_) {
            const auto callback = on_message;  // may replace or drop itself
            try {
                callback(std::move(message.data), message.binary);
            } catch (const std::exception&) {
                close(internal_error, "");  // one bad message must not end the process
                on_message = nullptr;
            }
        }
}

WsConnection::Release::~Release() {  // NOLINT(bugprone-exception-escape): Asio reports no error when a timer is cancelled
    owner.closing_ = true;
    owner.reading_done_ = true;  // the writer, should it still run, ends with what is queued
    owner.timers_->wake_writer.cancel();
    owner.timers_.reset();
    owner.connection_.reset();
}

asio::awaitable<void> WsConnection::run(std::shared_ptr<WsConnection> self, std::string early) {
    const Release release(*self);
    const auto timers = self->timers_;
    const ServerCore& core = self->connection_->core();
    asio::co_spawn(self->connection_->executor(), write_loop(self), asio::detached);

    self->connection_->arm(core.options.timeouts.websocket_silence);
    bool more = early.empty() || self->codec_.receive(early);
    std::array<char, 16384> buffer;
    for (;;) {
        self->deliver();
        timers->wake_writer.cancel();
        if (!more) break;
        if (self->codec_.output_bytes() > core.options.limits.websocket_queue_bytes) {  // a peer that pings but never reads
            self->drop(try_again_later);
            break;
        }
        auto [error, size] = co_await self->connection_->stream().read(asio::buffer(buffer));
        if (error) break;
        if (!self->closing_) self->connection_->arm(core.options.timeouts.websocket_silence);
        more = self->codec_.receive(std::string_view(buffer.data(), size));
    }

    self->closing_ = true;
    self->reading_done_ = true;
    self->connection_->arm(closing_time);
    timers->wake_writer.cancel();
    while (!self->writing_done_) {
        timers->writer_done.expires_at(std::chrono::steady_clock::time_point::max());
        co_await timers->writer_done.async_wait(as_tuple_awaitable);
    }
    self->connection_->disarm();
    self->connection_->close();
    const auto callback = std::move(self->on_close);
    self->on_message = nullptr;
    self->on_close = nullptr;
    if (callback) callback(self->own_code_ != 0 ? self->own_code_ : self->codec_.close_code());
}

asio::awaitable<void> WsConnection::write_loop(std::shared_ptr<WsConnection> self) {
    // Its own: run() may end before it, by an exception.
    const auto timers = self->timers_;
    const auto connection = self->connection_;
    for (;;) {
        const std::string bytes = self->codec_.take_output();
        if (bytes.empty()) {
            if (self->reading_done_ || self->own_code_ != 0) break;
            timers->wake_writer.expires_after(connection->core().options.timeouts.websocket_ping);
            auto [error] = co_await timers->wake_writer.async_wait(as_tuple_awaitable);
            if (!error && !self->closing_) self->codec_.queue_ping();
            continue;
        }
        self->in_flight_ = bytes.size();
        const auto error = co_await connection->stream().write(asio::buffer(bytes));
        self->in_flight_ = 0;
        if (error) {
            self->closing_ = true;
            connection->close();
            break;
        }
    }
    self->writing_done_ = true;
    timers->writer_done.cancel();
}

}  // namespace sluice::http
