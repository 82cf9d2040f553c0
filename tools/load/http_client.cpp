#include "tools/load/http_client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strings.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "tools/load/socket_address.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;

std::unexpected<std::string> failed(const char* what) {
    return std::unexpected(std::string{what} + ": " + std::strerror(errno));
}

std::string_view header(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos && at + 2 < head.size();
         at = head.find("\r\n", at + 2)) {
        std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        if (line.size() <= name.size() || line[name.size()] != ':') continue;
        if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
        line.remove_prefix(name.size() + 1);
        while (line.starts_with(' ')) line.remove_prefix(1);
        return line;
    }
    return {};
}

// The body of "Transfer-Encoding: chunked" so far; nothing while it is not complete, or when it is none.
std::optional<std::string> dechunked(std::string_view body) {
    std::string out;
    while (true) {
        const auto end = body.find("\r\n");
        std::size_t size = 0;
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view line = body.substr(0, end);
        if (std::from_chars(line.begin(), line.end(), size, 16).ec != std::errc{}) return std::nullopt;
        body.remove_prefix(end + 2);
        if (size == 0) return out;
        if (body.size() < 2 || body.size() - 2 < size) return std::nullopt;
        out += body.substr(0, size);
        body.remove_prefix(size + 2);
    }
}

struct Parsed {
    HttpAnswer answer;
    bool keep = false;  // the connection serves the next request
};

// `closed`: nothing follows any more.
std::optional<Parsed> parse(std::string_view text, bool closed) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos || !text.starts_with("HTTP/1.") || text.size() < 12) return std::nullopt;
    const std::string_view head = text.substr(0, end);
    Parsed parsed;
    HttpAnswer& answer = parsed.answer;
    std::from_chars(text.data() + 9, text.data() + 12, answer.status);
    answer.location = header(head, "Location");
    answer.retry_after_s = std::strtod(std::string{header(head, "Retry-After")}.c_str(), nullptr);
    const std::string_view body = text.substr(end + 4);
    const std::string_view length = header(head, "Content-Length");
    const std::string_view connection = header(head, "Connection");
    parsed.keep = !closed && text[7] == '1' && (connection.size() != 5 || strncasecmp(connection.data(), "close", 5) != 0);
    if (answer.status == 204 || answer.status == 304) return parsed;
    if (header(head, "Transfer-Encoding").ends_with("chunked")) {
        auto whole = dechunked(body);
        if (!whole) return std::nullopt;
        answer.body = std::move(*whole);
        return parsed;
    }
    const std::size_t size = length.empty() ? body.size() : std::strtoul(std::string{length}.c_str(), nullptr, 10);
    if (body.size() < size || (length.empty() && !closed)) return std::nullopt;
    answer.body = body.substr(0, size);
    return parsed;
}

std::string text_of(const HttpRequest& request, const Endpoint& server) {
    std::string text = request.method + ' ' + request.path + " HTTP/1.1\r\nHost: " + server.to_string() + "\r\n";
    if (!request.token.empty()) text += "Authorization: Bearer " + request.token + "\r\n";
    if (!request.content_type.empty()) text += "Content-Type: " + request.content_type + "\r\n";
    return text + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
}

}  // namespace

// How long the whole exchange may still wait. It waits in slices and counts each as no longer than it was meant to be: a
// machine that stands still for longer than the timeout has not given the server its time.
class HttpClient::Patience {
public:
    explicit Patience(std::chrono::milliseconds timeout) : left_(timeout) {}

    bool wait(int fd, short events) {
        using Clock = std::chrono::steady_clock;
        pollfd p{fd, events, 0};
        do {
            const auto slice = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left_), 0ms, 50ms);
            const auto begun = Clock::now();
            const int n = ::poll(&p, 1, static_cast<int>(slice.count()));
            left_ -= std::min<Clock::duration>(Clock::now() - begun, slice);
            if (n > 0) return true;
            if (n < 0 && errno != EINTR) return false;
        } while (left_ > 0ms);
        errno = ETIMEDOUT;
        return false;
    }

private:
    std::chrono::nanoseconds left_;
};

std::expected<void, std::string> HttpClient::connect(Patience& patience) {
    const SocketAddress address(server_);
    UniqueFd made(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made) return failed("socket");
    if (::connect(made.get(), address.get(), address.size) != 0) {
        if (errno != EINPROGRESS || !patience.wait(made.get(), POLLOUT)) return failed("connect");
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(made.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        errno = error;
        if (error != 0) return failed("connect");
    }
    // A request is written at once; nothing that follows it may wait for its acknowledgement.
    const int on = 1;
    ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fd_ = std::move(made);
    return {};
}

std::expected<HttpAnswer, std::string> HttpClient::once(const std::string& text, Patience& patience) {
    // What is not handed over whole is not used again.
    UniqueFd fd = std::move(fd_);
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(fd.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += static_cast<std::size_t>(n);
        else if (errno == EPIPE || errno == ECONNRESET)
            return std::unexpected(std::string{});
        else if (errno != EAGAIN || !patience.wait(fd.get(), POLLOUT))
            return failed("send");
    }
    std::string input;
    char buffer[16384];
    while (true) {
        if (auto parsed = parse(input, false)) {
            if (parsed->keep) fd_ = std::move(fd);
            return std::move(parsed->answer);
        }
        if (!patience.wait(fd.get(), POLLIN)) return failed("waiting for the answer");
        const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN) continue;
        if (n < 0 && errno == ECONNRESET && input.empty()) return std::unexpected(std::string{});
        if (n < 0) return failed("recv");
        if (n == 0) break;
        input.append(buffer, static_cast<std::size_t>(n));
    }
    if (auto parsed = parse(input, true)) return std::move(parsed->answer);
    return std::unexpected(input.empty() ? std::string{} : "the answer is not complete HTTP");
}

std::expected<HttpAnswer, std::string> HttpClient::exchange(const HttpRequest& request, std::chrono::milliseconds timeout) {
    Patience patience(timeout);
    const std::string text = text_of(request, server_);
    if (fd_) {
        auto answer = once(text, patience);
        if (answer || !answer.error().empty()) return answer;
    }
    if (auto connected = connect(patience); !connected) return std::unexpected(connected.error());
    auto answer = once(text, patience);
    if (!answer && answer.error().empty()) return std::unexpected("the server closed the connection");
    return answer;
}

}  // namespace sluice::loadgen
