#include "signaling/http/loopback.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <future>
#include <stdexcept>
#include <thread>

namespace sluice::http::testing {

namespace asio = boost::asio;

struct LoopbackServer::Impl {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    Router router;
    Server server;
    std::thread thread;

    explicit Impl(Options options) : server(io, std::move(options)) {}
};

LoopbackServer::LoopbackServer(const std::function<void(Router&)>& fill, Options options) {
    if (options.listen_address.empty() && options.listening_fd < 0) options.listen_address = "127.0.0.1";
    impl_ = std::make_unique<Impl>(std::move(options));
    fill(impl_->router);
    if (auto started = impl_->server.start(impl_->router); !started) throw std::runtime_error(started.error());
    port_ = impl_->server.port();
    impl_->thread = std::thread([this] { impl_->io.run(); });
}

LoopbackServer::~LoopbackServer() {  // NOLINT(bugprone-exception-escape): a test that cannot stop its server ends
    asio::post(impl_->io, [this] {
        impl_->server.stop();
        impl_->work.reset();
    });
    // io.run() returns only if every coroutine of the server unwinds: each test checks that by ending.
    impl_->thread.join();
}

asio::io_context& LoopbackServer::io() {
    return impl_->io;
}

void LoopbackServer::on_io(const std::function<void(Server&)>& task) {
    std::promise<void> done;
    asio::post(impl_->io, [&] {
        task(impl_->server);
        done.set_value();
    });
    done.get_future().wait();
}

Stats LoopbackServer::stats() {
    Stats stats;
    on_io([&](Server& server) { stats = server.stats(); });
    return stats;
}

namespace {

// A call with a timeout ends early when the process was stopped and goes on, handler or not (signal(7)).
template <typename Call>
ssize_t undisturbed(const Call& call) {
    ssize_t n = 0;
    do {
        n = call();
    } while (n < 0 && errno == EINTR);
    return n;
}

}  // namespace

Client::Client(std::uint16_t port, const char* address) {
    const timeval wait{30, 0};
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    const bool is_v6 = std::string_view(address).find(':') != std::string_view::npos;
    fd_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(is_v6 ? AF_INET6 : AF_INET, address, is_v6 ? static_cast<void*>(&v6.sin6_addr) : &v4.sin_addr);
    const auto* name = is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
    if (::connect(fd_, name, is_v6 ? sizeof v6 : sizeof v4) != 0) {
        ::close(fd_);
        fd_ = -1;
    }
}

Client::~Client() {
    if (fd_ >= 0) ::close(fd_);
}

bool Client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = undisturbed([&] { return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void Client::finish_sending() {
    ::shutdown(fd_, SHUT_WR);
}

bool Client::fill() {
    char buffer[8192];
    const ssize_t got = undisturbed([&] { return ::recv(fd_, buffer, sizeof buffer, 0); });
    if (got <= 0) return false;
    input_.append(buffer, static_cast<std::size_t>(got));
    return true;
}

std::optional<Answer> Client::read_answer(bool head) {
    for (;;) {
        if (auto answer = parse_answer(input_, head)) return answer;
        if (!fill()) return std::nullopt;
    }
}

std::string Client::read_bytes(std::size_t count) {
    while (input_.size() < count && fill()) {
    }
    return std::exchange(input_, {});
}

bool Client::closed_by_server() {
    char buffer[8192];
    for (;;) {
        const ssize_t got = undisturbed([&] { return ::recv(fd_, buffer, sizeof buffer, 0); });
        if (got == 0) return true;
        if (got < 0) return errno == ECONNRESET;
    }
}

std::optional<Answer> parse_answer(std::string& input, bool head) {
    const auto end = input.find("\r\n\r\n");
    if (end == std::string::npos || !input.starts_with("HTTP/1.1 ")) return std::nullopt;
    Answer answer;
    std::from_chars(input.data() + 9, input.data() + end, answer.status);
    std::size_t at = input.find("\r\n") + 2;
    while (at < end + 2) {
        const auto line_end = input.find("\r\n", at);
        const auto colon = input.find(": ", at);
        answer.headers.add(input.substr(at, colon - at), input.substr(colon + 2, line_end - colon - 2));
        at = line_end + 2;
    }
    const std::string length(answer.headers.get("Content-Length").value_or("0"));
    std::size_t size = 0;
    if (!head) std::from_chars(length.data(), length.data() + length.size(), size);
    if (input.size() < end + 4 + size) return std::nullopt;
    answer.body = input.substr(end + 4, size);
    input.erase(0, end + 4 + size);
    return answer;
}

}  // namespace sluice::http::testing
