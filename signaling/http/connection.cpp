#include "signaling/http/connection.hpp"

#include "signaling/http/awaitable.hpp"
#include "signaling/http/response_writer.hpp"
#include "signaling/http/settlement.hpp"
#include "signaling/http/ws_connection.hpp"

#include <chrono>
#include <exception>

namespace sluice::http {

namespace asio = boost::asio;

namespace {

constexpr char tls_handshake_record = 0x16;  // RFC 8446 §5.1
constexpr std::chrono::milliseconds linger_time{2000};
constexpr std::size_t linger_bytes = 4 * 1024 * 1024;

struct Active {
    explicit Active(std::uint64_t& count) : counter(count) { ++counter; }
    ~Active() { --counter; }
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;
    std::uint64_t& counter;
};

std::string textual(asio::ip::address address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    return address.to_string();
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerCore> core, Stream::Socket socket)
    : core_(std::move(core)),
      deadline_(socket.get_executor()),
      handler_limit_(socket.get_executor()),
      accepted_(std::move(socket)),
      reader_(core_->options.limits) {
    core_->connections.insert(this);
    ++core_->stats.active;
    boost::system::error_code error;
    const auto remote = accepted_.remote_endpoint(error);
    if (error) return;
    remote_address_ = textual(remote.address());
    remote_port_ = remote.port();
}

Connection::~Connection() {
    core_->connections.erase(this);
    --core_->stats.active;
}

void Connection::close() {
    boost::system::error_code ignored;
    deadline_.cancel();
    handler_limit_.cancel();
    (stream_ ? stream_->socket() : accepted_).close(ignored);
}

void Connection::arm(std::chrono::milliseconds limit, Expiry expiry) {
    deadline_.expires_after(limit);
    deadline_.async_wait([weak = weak_from_this(), expiry](boost::system::error_code error) {
        const auto self = weak.lock();
        if (error || !self) return;
        // Armed again between the expiry and this call.
        if (self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
        if (expiry == Expiry::counted) ++self->core_->stats.timeouts;
        self->close();
    });
}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self) {
    if (co_await self->establish() == Next::proceed) {
        for (;;) {
            if (co_await self->read_request() == Next::close) break;
            Request request = self->reader_.take();
            request.remote_address = self->remote_address_;
            request.remote_port = self->remote_port_;
            request.tls = self->stream_->is_tls();
            ++self->core_->stats.requests;
            if (self->core_->router == nullptr) break;

            if (is_websocket_upgrade(request)) {
                Router::WebSocketRoute route = self->core_->router->websocket_route(request);
                if (route.handler != nullptr) {
                    co_await self->upgrade(std::move(request), route);
                    break;
                }
            }
            if (co_await self->answer(std::move(request)) == Next::close) break;
        }
    }
    self->close();
}

asio::awaitable<Connection::Next> Connection::establish() {
    arm(core_->options.timeouts.header);
    char first = 0;
    auto [error, size] =
        co_await accepted_.async_receive(asio::buffer(&first, 1), Stream::Socket::message_peek, as_tuple_awaitable);
    if (error) co_return Next::close;
    boost::system::error_code ignored;
    accepted_.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (first != tls_handshake_record) {
        stream_ = make_plain_stream(std::move(accepted_));
        co_return Next::proceed;
    }
    if (!core_->tls) {
        ++core_->stats.tls_failures;
        co_return Next::close;
    }
    auto tls = make_tls_stream(std::move(accepted_), core_->tls);
    TlsStream& handshaking = *tls;
    stream_ = std::move(tls);
    if (co_await handshaking.handshake()) {
        ++core_->stats.tls_failures;
        co_return Next::close;
    }
    ++core_->stats.tls_handshakes;
    co_return Next::proceed;
}

asio::awaitable<Connection::Next> Connection::read_request() {
    using Phase = RequestReader::Phase;
    const Timeouts& timeouts = core_->options.timeouts;
    Phase before = Phase::idle;
    bool continued = false;
    for (;;) {
        const Phase phase = reader_.advance();
        if (phase == Phase::complete) {
            disarm();
            co_return Next::proceed;
        }
        if (phase == Phase::failed) {
            ++core_->stats.malformed;
            Response refusal = reader_.error();
            Router::add_cors(refusal);
            co_return co_await send(std::move(refusal), false, false);
        }
        if (phase == Phase::header && before == Phase::idle) arm(timeouts.header);
        if (phase == Phase::body && before != Phase::body) arm(timeouts.body);
        before = phase;
        if (!continued && reader_.expects_continue()) {
            continued = true;
            static constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
            if (co_await stream_->write(asio::buffer(interim.data(), interim.size()))) co_return Next::close;
        }
        auto [error, size] = co_await stream_->read(asio::buffer(buffer_));
        if (error) co_return Next::close;
        reader_.push(std::string_view(buffer_.data(), size));
    }
}

asio::awaitable<Connection::Next> Connection::answer(Request request) {
    const bool head = request.method == "HEAD";
    const bool keep_alive = request.keep_alive;
    Response response = co_await call_handler(std::move(request));
    co_return co_await send(std::move(response), head, keep_alive);
}

asio::awaitable<Response> Connection::call_handler(Request request) {
    auto settlement = std::make_shared<Settlement<Response>>();
    {
        Response fallback = Response::problem(500, "Internal server error", "The handler gave no answer");
        Router::add_cors(fallback);
        auto ticket = std::make_shared<Ticket<Response>>(settlement, std::move(fallback));
        Reply reply = [ticket = std::move(ticket)](Response response) { ticket->settle(std::move(response)); };
        try {
            core_->router->dispatch(std::move(request), std::move(reply));
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the dropped ticket answers 500; one bad request
                                           // must not end the process.
        }
    }
    auto response = co_await Settlement<Response>::wait(settlement, handler_limit_, core_->options.timeouts.handler);
    if (response) co_return std::move(*response);
    Response late = Response::problem(504, "Gateway timeout", "No answer in time; try again");
    Router::add_cors(late);
    co_return late;
}

asio::awaitable<std::optional<Response>> Connection::ask_gate(const Request& request, const WebSocketGate& gate) {
    using Verdict = std::optional<Response>;
    auto settlement = std::make_shared<Settlement<Verdict>>();
    {
        Verdict fallback = Response::problem(500, "Internal server error", "The handler gave no answer");
        auto ticket = std::make_shared<Ticket<Verdict>>(settlement, std::move(fallback));
        std::function<void(Verdict)> decide = [ticket = std::move(ticket)](Verdict verdict) {
            ticket->settle(std::move(verdict));
        };
        gate(request, std::move(decide));
    }
    auto verdict = co_await Settlement<Verdict>::wait(settlement, handler_limit_, core_->options.timeouts.handler);
    if (verdict) co_return std::move(*verdict);
    co_return Response::problem(504, "Gateway timeout", "No answer in time; try again");
}

asio::awaitable<void> Connection::upgrade(Request request, Router::WebSocketRoute route) {
    auto handshake = websocket_handshake(request);
    std::optional<Response> refusal;
    if (!handshake)
        refusal = std::move(handshake.error());
    else if (route.gate != nullptr)
        refusal = co_await ask_gate(request, *route.gate);
    if (core_->router == nullptr) co_return;
    if (refusal) {
        Router::add_cors(*refusal);
        co_await send(std::move(*refusal), false, false);
        co_return;
    }
    if (co_await send(std::move(*handshake), false, true) == Next::close) co_return;
    if (core_->router == nullptr) co_return;

    ++core_->stats.websockets;
    const Active active(core_->stats.websockets_active);
    auto socket = std::make_shared<WsConnection>(shared_from_this());
    try {
        (*route.handler)(std::move(request), socket);
    } catch (const std::exception&) {
        socket->abandon();  // one bad request must not end the process
        co_return;
    }
    std::string early = reader_.release_rest();
    co_await WsConnection::run(socket, std::move(early));
}

asio::awaitable<Connection::Next> Connection::send(Response response, bool head, bool keep_alive) {
    if (response.headers.has_token("Connection", "close")) keep_alive = false;
    const ResponseFraming framing{head, keep_alive, core_->options.server_name, std::chrono::system_clock::now()};
    const std::string bytes = serialize(response, framing);
    const int status_class = response.status / 100;
    if (status_class >= 1 && status_class <= 5) ++core_->stats.responses_by_class[static_cast<std::size_t>(status_class)];
    arm(core_->options.timeouts.write);
    const auto error = co_await stream_->write(asio::buffer(bytes));
    if (error) co_return Next::close;
    if (!keep_alive) {
        co_await linger();
        co_return Next::close;
    }
    arm(core_->options.timeouts.idle, Expiry::routine);
    co_return Next::proceed;
}

// Closing a socket that has unread input resets it, and the reset can overtake the answer (RFC 9112 §9.6).
asio::awaitable<void> Connection::linger() {
    arm(linger_time, Expiry::routine);
    co_await stream_->shutdown_send();
    for (std::size_t drained = 0; drained < linger_bytes;) {
        auto [error, size] = co_await stream_->read(asio::buffer(buffer_));
        if (error) break;
        drained += size;
    }
    disarm();
}

}  // namespace sluice::http
