#include "signaling/http/stream.hpp"

#include "signaling/http/awaitable.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace sluice::http {

namespace asio = boost::asio;

namespace {

class PlainStream final : public Stream {
public:
    explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

    asio::awaitable<std::pair<Error, std::size_t>> read(asio::mutable_buffer into) override {
        auto [error, size] = co_await socket_.async_read_some(into, as_tuple_awaitable);
        co_return std::pair<Error, std::size_t>(error, size);
    }
    asio::awaitable<Error> write(asio::const_buffer all) override {
        auto [error, size] = co_await asio::async_write(socket_, all, as_tuple_awaitable);
        co_return error;
    }
    asio::awaitable<void> shutdown_send() override {
        Error ignored;
        socket_.shutdown(Socket::shutdown_send, ignored);
        co_return;
    }
    Socket& socket() override { return socket_; }
    bool is_tls() const override { return false; }

private:
    Socket socket_;
};

class OpensslStream final : public TlsStream {
public:
    OpensslStream(Socket socket, std::shared_ptr<asio::ssl::context> context)
        : context_(std::move(context)), stream_(std::move(socket), *context_) {}

    asio::awaitable<Error> handshake() override {
        auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::server, as_tuple_awaitable);
        co_return error;
    }
    asio::awaitable<std::pair<Error, std::size_t>> read(asio::mutable_buffer into) override {
        auto [error, size] = co_await stream_.async_read_some(into, as_tuple_awaitable);
        co_return std::pair<Error, std::size_t>(error, size);
    }
    asio::awaitable<Error> write(asio::const_buffer all) override {
        auto [error, size] = co_await asio::async_write(stream_, all, as_tuple_awaitable);
        co_return error;
    }
    asio::awaitable<void> shutdown_send() override {
        // async_shutdown sends our close_notify and then waits for the peer's; the deadline of the caller ends that.
        co_await stream_.async_shutdown(as_tuple_awaitable);
        Error ignored;
        stream_.lowest_layer().shutdown(Socket::shutdown_send, ignored);
        co_return;
    }
    Socket& socket() override { return stream_.next_layer(); }
    bool is_tls() const override { return true; }

private:
    std::shared_ptr<asio::ssl::context> context_;
    asio::ssl::stream<Socket> stream_;
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(Stream::Socket socket) {
    return std::make_unique<PlainStream>(std::move(socket));
}

std::unique_ptr<TlsStream> make_tls_stream(Stream::Socket socket, std::shared_ptr<asio::ssl::context> context) {
    return std::make_unique<OpensslStream>(std::move(socket), std::move(context));
}

}  // namespace sluice::http
