#include "controlplane/admin/unix_server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <sstream>

#include "controlplane/core/log.hpp"
#include "signaling/http/url.hpp"

namespace sluice::admin {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

namespace {

constexpr std::size_t max_request_bytes = 16 * 1024;
constexpr std::chrono::seconds deadline{10};

// Requests of this socket have no body: what they say stands in the target.
std::optional<http::Request> parse_head(const std::string& head) {
    http::Request request;
    std::istringstream in(head);
    std::string version;
    if (!(in >> request.method >> request.target >> version) || !version.starts_with("HTTP/1.")) return std::nullopt;
    const std::size_t query = request.target.find('?');
    request.path = request.target.substr(0, query);
    if (query != std::string::npos) request.query = http::parse_query(std::string_view{request.target}.substr(query + 1));
    request.keep_alive = false;
    return request;
}

std::string serialize(const http::Response& response) {
    std::string text =
        "HTTP/1.1 " + std::to_string(response.status) + ' ' + std::string{http::reason_phrase(response.status)} + "\r\n";
    for (const auto& [name, value] : response.headers) text += name + ": " + value + "\r\n";
    return text + "Content-Length: " + std::to_string(response.body.size()) + "\r\nConnection: close\r\n\r\n" +
           response.body;
}

struct Connection : std::enable_shared_from_this<Connection> {
    explicit Connection(Protocol::socket s)
        : socket(std::move(s)), timer(socket.get_executor()), buffer(max_request_bytes) {}

    void start(const http::Router& router) {
        timer.expires_after(deadline);
        timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
            if (!error) self->close();
        });
        asio::async_read_until(
            socket, buffer, "\r\n\r\n",
            [self = shared_from_this(), &router](boost::system::error_code error, std::size_t n) {
                if (error) return self->close();
                const std::string head(asio::buffers_begin(self->buffer.data()),
                                       asio::buffers_begin(self->buffer.data()) + static_cast<std::ptrdiff_t>(n));
                auto request = parse_head(head);
                if (!request) return self->answer(http::Response::problem(400, "Bad Request", "not an HTTP/1.1 request"));
                router.dispatch(std::move(*request), [self](http::Response response) { self->answer(response); });
            });
    }
    void answer(const http::Response& response) {
        out = serialize(response);
        asio::async_write(socket, asio::buffer(out),
                          [self = shared_from_this()](boost::system::error_code, std::size_t) { self->close(); });
    }
    void close() {
        boost::system::error_code ignored;
        timer.cancel();
        socket.shutdown(Protocol::socket::shutdown_both, ignored);
        socket.close(ignored);
    }

    Protocol::socket socket;
    asio::steady_timer timer;
    asio::streambuf buffer;
    std::string out;
};

}  // namespace

struct UnixServer::Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& io, const http::Router& r) : acceptor(io), router(r) {}

    void accept() {
        acceptor.async_accept([self = shared_from_this()](boost::system::error_code error, Protocol::socket socket) {
            if (error == asio::error::operation_aborted || !self->acceptor.is_open()) return;
            if (!error) std::make_shared<Connection>(std::move(socket))->start(self->router);
            self->accept();
        });
    }

    Protocol::acceptor acceptor;
    const http::Router& router;
    std::string path;
};

UnixServer::UnixServer(asio::io_context& io, const http::Router& router) : impl_(std::make_shared<Impl>(io, router)) {}

UnixServer::~UnixServer() {
    stop();
}

std::expected<void, std::string> UnixServer::start(const std::string& path) {
    boost::system::error_code error;
    if (path.size() >= 108) return std::unexpected(path + ": longer than a socket path may be");
    const Protocol::endpoint endpoint(path);
    {
        Protocol::socket probe(impl_->acceptor.get_executor());
        probe.connect(endpoint, error);
        if (!error) return std::unexpected(path + ": another control plane listens there");
    }
    struct ::stat info{};
    if (::lstat(path.c_str(), &info) == 0) {
        if (!S_ISSOCK(info.st_mode)) return std::unexpected(path + ": exists and is no socket");
        ::unlink(path.c_str());
    }
    const mode_t mask = ::umask(0177);  // the socket is never open to others, not even for a moment
    impl_->acceptor.open(Protocol(), error);
    if (!error) impl_->acceptor.bind(endpoint, error);
    ::umask(mask);
    if (!error) impl_->acceptor.listen(16, error);
    if (error) {
        impl_->acceptor.close();
        return std::unexpected(path + ": " + error.message());
    }
    impl_->path = path;
    impl_->accept();
    return {};
}

void UnixServer::stop() {
    if (impl_->path.empty()) return;
    boost::system::error_code ignored;
    impl_->acceptor.close(ignored);
    ::unlink(impl_->path.c_str());
    impl_->path.clear();
}

}  // namespace sluice::admin
