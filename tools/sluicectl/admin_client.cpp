#include "tools/sluicectl/admin_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "dataplane/base/unique_fd.hpp"

namespace sluice::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_answer = 256 << 20;  // a guard against a lost mind; a node has thousands of sessions of a kilobyte

std::string words(int error) {
    return std::generic_category().message(error);
}

std::expected<UniqueFd, AdminError> connect_to(const std::string& path) {
    const auto refuse = [&](const std::string& why) { return std::unexpected(AdminError{true, 0, path + ": " + why}); };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return refuse("a socket path must have 1 to 107 bytes");
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return refuse(words(errno));
    return fd;
}

// False when the deadline passed.
bool wait_for(int fd, short events, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return false;
        pollfd p{fd, events, 0};
        const int n = ::poll(&p, 1, static_cast<int>(left));
        if (n > 0) return true;
        if (n < 0 && errno != EINTR) return false;
    }
}

std::string refusal(int status, std::string_view body) {
    boost::system::error_code error;
    const boost::json::value problem = boost::json::parse(body, error);
    if (!error && problem.is_object()) {
        for (const char* field : {"detail", "title"}) {
            if (const auto* text = problem.as_object().if_contains(field); text != nullptr && text->is_string()) {
                return std::string(text->as_string());
            }
        }
    }
    return "the control plane answered " + std::to_string(status);
}

}  // namespace

std::string escape(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain)
            out += c;
        else
            out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return out;
}

std::expected<std::string, AdminError> read_answer(std::string_view answer) {
    const auto nonsense = [] {
        return std::unexpected(AdminError{false, 0, "the answer is no HTTP/1.1: does a control plane listen there?"});
    };
    const auto blank = answer.find("\r\n\r\n");
    int status = 0;
    if (!answer.starts_with("HTTP/1.") || answer.size() < 12 || blank == std::string_view::npos) return nonsense();
    if (std::from_chars(answer.data() + 9, answer.data() + 12, status).ec != std::errc{}) return nonsense();
    const std::string_view head = answer.substr(0, blank + 2);
    std::string_view body = answer.substr(blank + 4);
    std::size_t length = body.size();
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
        const auto line = head.substr(at, head.find("\r\n", at) - at);
        constexpr std::string_view name = "content-length:";
        if (line.size() >= name.size() && ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
            const auto from = std::min(line.find_first_not_of(' ', name.size()), line.size());
            const auto digits = line.substr(from);
            if (std::from_chars(digits.data(), digits.data() + digits.size(), length).ec != std::errc{}) return nonsense();
        }
        at += line.size() + 2;
    }
    if (body.size() < length)
        return std::unexpected(AdminError{false, status, "the control plane broke off in the middle of its answer"});
    body = body.substr(0, length);
    if (status < 200 || status > 299)
        return std::unexpected(AdminError{false, status, refusal(status, body), std::string(body)});
    return std::string(body);
}

std::expected<pid_t, AdminError> AdminClient::listener() const {
    const auto fd = connect_to(path_);
    if (!fd) return std::unexpected(fd.error());
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return std::unexpected(AdminError{false, 0, path_ + ": " + words(errno)});
    }
    return peer.pid;
}

std::expected<std::string, AdminError> AdminClient::request(std::string_view method, std::string_view target) const {
    const auto fd = connect_to(path_);
    if (!fd) return std::unexpected(fd.error());
    const auto deadline = Clock::now() + patience_;
    const auto silent = [&] {
        return std::unexpected(AdminError{true, 0, path_ + ": no answer for " + std::to_string(patience_.count()) + " ms"});
    };
    const auto broken = [&] { return std::unexpected(AdminError{true, 0, path_ + ": " + words(errno)}); };
    const std::string text =
        std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n\r\n";
    for (std::string_view rest = text; !rest.empty();) {
        const ssize_t n = ::send(fd->get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n > 0)
            rest.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EAGAIN && errno != EINTR)
            return broken();
        else if (!wait_for(fd->get(), POLLOUT, deadline))
            return silent();
    }
    std::string answer;
    char buffer[16 * 1024];
    for (;;) {
        const ssize_t n = ::recv(fd->get(), buffer, sizeof buffer, 0);
        if (n == 0) break;
        if (n > 0)
            answer.append(buffer, static_cast<std::size_t>(n));
        else if (errno != EAGAIN && errno != EINTR)
            return broken();
        else if (!wait_for(fd->get(), POLLIN, deadline))
            return silent();
        if (answer.size() > max_answer)
            return std::unexpected(AdminError{false, 0, "the answer of the control plane does not end"});
    }
    if (answer.empty()) return std::unexpected(AdminError{true, 0, path_ + ": closed without an answer"});
    return read_answer(answer);
}

}  // namespace sluice::ctl
