#include "tools/load/http_client.hpp"

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

#include "dataplane/base/unique_fd.hpp"
#include "tools/load/socket_address.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;

std::unexpected<std::string> failed(const char* what) {
    return std::unexpected(std::string{what} + ": " + std::strerror(errno));
}

// How long the whole exchange may still wait. It waits in slices and counts each as no longer than it was meant to be: a
// machine that stands still for longer than the timeout has not given the server its time.
class Patience {
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

std::optional<HttpAnswer> parse(std::string_view text, bool complete) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string_view::npos || !text.starts_with("HTTP/1.") || text.size() < 12) return std::nullopt;
    const std::string_view head = text.substr(0, end);
    HttpAnswer answer;
    std::from_chars(text.data() + 9, text.data() + 12, answer.status);
    answer.location = header(head, "Location");
    answer.retry_after_s = std::strtod(std::string{header(head, "Retry-After")}.c_str(), nullptr);
    const std::string_view length = header(head, "Content-Length");
    const std::string_view body = text.substr(end + 4);
    const bool bodiless = answer.status == 204 || answer.status == 304;
    const std::size_t size = bodiless         ? 0
                             : length.empty() ? body.size()
                                              : std::strtoul(std::string{length}.c_str(), nullptr, 10);
    if (body.size() < size || (length.empty() && !bodiless && !complete)) return std::nullopt;
    answer.body = body.substr(0, size);
    return answer;
}

}  // namespace

std::expected<HttpAnswer, std::string> http_exchange(const Endpoint& server, const HttpRequest& request,
                                                     std::chrono::milliseconds timeout) {
    Patience patience(timeout);
    const SocketAddress address(server);
    const UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return failed("socket");
    if (::connect(fd.get(), address.get(), address.size) != 0) {
        if (errno != EINPROGRESS || !patience.wait(fd.get(), POLLOUT)) return failed("connect");
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        errno = error;
        if (error != 0) return failed("connect");
    }
    std::string text =
        request.method + ' ' + request.path + " HTTP/1.1\r\nHost: " + server.to_string() + "\r\nConnection: close\r\n";
    if (!request.token.empty()) text += "Authorization: Bearer " + request.token + "\r\n";
    if (!request.content_type.empty()) text += "Content-Type: " + request.content_type + "\r\n";
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(fd.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += static_cast<std::size_t>(n);
        else if (errno != EAGAIN || !patience.wait(fd.get(), POLLOUT))
            return failed("send");
    }
    std::string input;
    char buffer[16384];
    while (true) {
        if (auto answer = parse(input, false)) return std::move(*answer);
        if (!patience.wait(fd.get(), POLLIN)) return failed("waiting for the answer");
        const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN) continue;
        if (n < 0) return failed("recv");
        if (n == 0) break;
        input.append(buffer, static_cast<std::size_t>(n));
    }
    if (auto answer = parse(input, true)) return std::move(*answer);
    return std::unexpected(input.empty() ? "the server closed the connection" : "the answer is not complete HTTP");
}

}  // namespace sluice::loadgen
