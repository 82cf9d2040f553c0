// An HTTP server on a unix socket that answers from a table, for tests.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sluice::ctl {

class AdminThread {
public:
    // "GET /v1/rooms" -> what is sent back, all of it.
    AdminThread(const std::string& path, std::map<std::string, std::string> answers) : answers_(std::move(answers)) {
        fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd_, 16) != 0)
            std::abort();
        thread_ = std::thread([this] { serve(); });
    }
    ~AdminThread() {
        ::shutdown(fd_, SHUT_RDWR);
        thread_.join();
        ::close(fd_);
    }
    AdminThread(const AdminThread&) = delete;
    AdminThread& operator=(const AdminThread&) = delete;

    [[nodiscard]] std::vector<std::string> requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    [[nodiscard]] static std::string json(const std::string& body, int status = 200) {
        return "HTTP/1.1 " + std::to_string(status) +
               " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\nConnection: close\r\n\r\n" + body;
    }

private:
    void serve() {
        for (;;) {
            const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) return;
            std::string head;
            char buffer[4096];
            while (head.find("\r\n\r\n") == std::string::npos) {
                const ssize_t n = ::recv(client, buffer, sizeof buffer, 0);
                if (n <= 0) break;
                head.append(buffer, static_cast<std::size_t>(n));
            }
            const std::string line = head.substr(0, head.find(" HTTP/"));
            if (!line.empty()) {
                const std::lock_guard lock(mutex_);
                requests_.push_back(line);
            }
            const auto found = answers_.find(line);
            const std::string answer = found != answers_.end()
                                           ? found->second
                                           : json(R"({"title":"Not Found","status":404,"detail":"no such thing"})", 404);
            for (std::size_t sent = 0; !line.empty() && sent < answer.size();) {
                const ssize_t n = ::send(client, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
                if (n <= 0) break;
                sent += static_cast<std::size_t>(n);
            }
            ::close(client);
        }
    }

    std::map<std::string, std::string> answers_;
    int fd_ = -1;
    std::mutex mutex_;
    std::vector<std::string> requests_;
    std::thread thread_;
};

}  // namespace sluice::ctl
