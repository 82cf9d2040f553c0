#include "signaling/http/server.hpp"

#include "signaling/http/awaitable.hpp"
#include "signaling/http/connection.hpp"
#include "signaling/http/response_writer.hpp"
#include "signaling/http/tls_files.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace sluice::http {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds accept_pause{100};  // when out of descriptors

std::string system_message(int code) {
    return std::system_category().message(code);
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
    asio::io_context& io;
    tcp::acceptor acceptor;
    std::shared_ptr<ServerCore> core = std::make_shared<ServerCore>();
    TlsStamps tried;  // the files as they were when they were last read

    Impl(asio::io_context& context, Options options) : io(context), acceptor(context) { core->options = std::move(options); }

    std::expected<void, std::string> adopt(int listening_fd);
    std::expected<void, std::string> listen();
    std::expected<void, std::string> bind_to(const tcp::endpoint& endpoint, bool dual_stack);
    void refuse(tcp::socket socket);
    static asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self);
};

std::expected<void, std::string> Server::Impl::adopt(int listening_fd) {
    const std::string name = "listening descriptor " + std::to_string(listening_fd);
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(listening_fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
        return std::unexpected(name + ": " + system_message(errno));
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
        return std::unexpected(name + ": not an IPv4 or IPv6 socket");
    const int own = ::fcntl(listening_fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return std::unexpected(name + ": " + system_message(errno));
    boost::system::error_code error;
    acceptor.assign(address.ss_family == AF_INET ? tcp::v4() : tcp::v6(), own, error);
    if (error) {
        ::close(own);
        return std::unexpected(name + ": " + error.message());
    }
    return {};
}

std::expected<void, std::string> Server::Impl::bind_to(const tcp::endpoint& endpoint, bool dual_stack) {
    const std::string where = "listen on " + endpoint.address().to_string() + " port " + std::to_string(endpoint.port());
    boost::system::error_code error;
    const asio::ip::v6_only v6_only(!dual_stack);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.address().is_v6()) acceptor.set_option(v6_only, error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(1024, error);
    if (!error) return {};
    boost::system::error_code ignored;
    acceptor.close(ignored);
    return std::unexpected(where + ": " + error.message());
}

std::expected<void, std::string> Server::Impl::listen() {
    const Options& options = core->options;
    const bool any = options.listen_address.empty() || options.listen_address == "::";
    if (any) {
        auto dual = bind_to(tcp::endpoint(tcp::v6(), options.port), true);
        if (dual || !options.listen_address.empty()) return dual;
        // A kernel without IPv6.
        auto v4_only = bind_to(tcp::endpoint(tcp::v4(), options.port), false);
        return v4_only ? v4_only : dual;
    }
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options.listen_address, error);
    if (error) return std::unexpected("listen address \"" + options.listen_address + "\" is not an IP address");
    return bind_to(tcp::endpoint(address, options.port), false);
}

// Best effort, never waiting: the answer fits the empty socket buffer.
void Server::Impl::refuse(tcp::socket socket) {
    ++core->stats.refused_full;
    Response response = Response::problem(503, "Too many connections", "This server is at its connection limit");
    response.headers.set("Retry-After", "2");
    Router::add_cors(response);
    const ResponseFraming framing{false, false, core->options.server_name, std::chrono::system_clock::now()};
    const std::string bytes = serialize(response, framing);
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(bytes), ignored);
}

asio::awaitable<void> Server::Impl::accept_loop(std::shared_ptr<Impl> self) {
    asio::steady_timer pause(self->io);
    while (self->acceptor.is_open()) {
        tcp::socket socket(self->io);
        auto [error] = co_await self->acceptor.async_accept(socket, as_tuple_awaitable);
        if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) break;
        if (error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
            error == asio::error::no_memory) {
            pause.expires_after(accept_pause);
            co_await pause.async_wait(as_tuple_awaitable);
            continue;
        }
        if (error) continue;
        ++self->core->stats.accepted;
        if (self->core->connections.size() >= self->core->options.max_connections) {
            self->refuse(std::move(socket));
            continue;
        }
        auto connection = std::make_shared<Connection>(self->core, std::move(socket));
        asio::co_spawn(self->io, Connection::run(std::move(connection)), asio::detached);
    }
}

Server::Server(asio::io_context& io, Options options) : impl_(std::make_shared<Impl>(io, std::move(options))) {}
Server::~Server() {  // NOLINT(bugprone-exception-escape): Asio reports no error when a timer is cancelled
    stop();
}

std::expected<void, std::string> Server::start(const Router& router) {
    if (auto loaded = reload_certificates(); !loaded) return loaded;
    const int fd = impl_->core->options.listening_fd;
    if (auto listening = fd >= 0 ? impl_->adopt(fd) : impl_->listen(); !listening) return listening;
    impl_->core->router = &router;
    asio::co_spawn(impl_->io, Impl::accept_loop(impl_), asio::detached);
    return {};
}

std::expected<void, std::string> Server::reload_certificates() {
    const auto& files = impl_->core->options.tls;
    if (!files) return {};
    // Before the files are read: what is written in between counts as a change.
    impl_->tried = stamps_of(*files);
    auto context = load_tls(*files);
    if (!context) return std::unexpected(context.error());
    impl_->core->tls = std::move(*context);
    return {};
}

std::expected<bool, std::string> Server::refresh_certificates() {
    const auto& files = impl_->core->options.tls;
    if (!files || stamps_of(*files) == impl_->tried) return false;
    if (auto reloaded = reload_certificates(); !reloaded) return std::unexpected(reloaded.error());
    return true;
}

std::expected<void, std::string> Server::set_tls(std::optional<TlsFiles> files) {
    if (!files) {
        impl_->core->options.tls.reset();
        impl_->core->tls.reset();
        return {};
    }
    auto before = std::exchange(impl_->core->options.tls, std::move(files));
    auto loaded = reload_certificates();
    if (!loaded) impl_->core->options.tls = std::move(before);
    return loaded;
}

std::expected<void, std::string> Server::check(const TlsFiles& files) {
    if (auto context = load_tls(files); !context) return std::unexpected(context.error());
    return {};
}

void Server::set_limits(const Limits& limits, const Timeouts& timeouts, std::size_t max_connections) {
    impl_->core->options.limits = limits;
    impl_->core->options.timeouts = timeouts;
    impl_->core->options.max_connections = max_connections;
}

void Server::stop() {
    boost::system::error_code ignored;
    impl_->acceptor.close(ignored);
    impl_->core->router = nullptr;
    const std::vector<Connection*> open(impl_->core->connections.begin(), impl_->core->connections.end());
    for (Connection* connection : open) connection->close();
}

std::uint16_t Server::port() const {
    boost::system::error_code error;
    const auto endpoint = impl_->acceptor.local_endpoint(error);
    return error ? 0 : endpoint.port();
}

int Server::native_listening_fd() const {
    return impl_->acceptor.is_open() ? impl_->acceptor.native_handle() : -1;
}

Stats Server::stats() const {
    return impl_->core->stats;
}

}  // namespace sluice::http
