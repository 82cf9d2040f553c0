#include "dataplane/app/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace sluice::app {
namespace {

std::unexpected<std::string> failed(std::string_view what) {
    return std::unexpected("NOTIFY_SOCKET: " + std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

std::expected<void, std::string> notify(std::string_view lines, int fd) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr || *path == '\0') return {};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path)
        return std::unexpected("NOTIFY_SOCKET: neither an absolute path nor an abstract name: " + std::string(path));
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';

    const int socket_fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_fd < 0) return failed("socket");
    iovec part{const_cast<char*>(lines.data()), lines.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)]{};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    const bool sent = ::sendmsg(socket_fd, &message, MSG_NOSIGNAL) >= 0;
    const auto result = sent ? std::expected<void, std::string>{} : failed("sendmsg");
    ::close(socket_fd);
    return result;
}

std::expected<void, std::string> keep_fd(std::string_view name, int fd) {
    // The store keeps several under one name; the next life must find one.
    const std::string fdname = "FDNAME=" + std::string(name) + "\n";
    if (auto removed = notify("FDSTOREREMOVE=1\n" + fdname); !removed) return removed;
    return notify("FDSTORE=1\n" + fdname, fd);
}

}  // namespace sluice::app
