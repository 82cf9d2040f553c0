// One HTTP request over the control plane's unix socket, synchronously. Each request has a connection of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace sluice::ctl {

struct AdminError {
    bool unreachable = false;  // nobody answers there; otherwise the control plane refused, or answered nonsense
    int status = 0;            // of HTTP, when it answered
    std::string message;
    std::string body{};  // of a refusal, as it came
};

class AdminClient {
public:
    explicit AdminClient(std::string socket_path, std::chrono::milliseconds patience = std::chrono::seconds(3))
        : path_(std::move(socket_path)), patience_(patience) {}

    // The body of a 2xx answer. `target` is what stands in the request line: escape what comes from outside.
    [[nodiscard]] std::expected<std::string, AdminError> get(std::string_view target) const {
        return request("GET", target);
    }
    [[nodiscard]] std::expected<std::string, AdminError> post(std::string_view target) const {
        return request("POST", target);
    }

    // Whether somebody listens, and as which process: without asking it anything.
    [[nodiscard]] std::expected<pid_t, AdminError> listener() const;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    [[nodiscard]] std::expected<std::string, AdminError> request(std::string_view method, std::string_view target) const;

    std::string path_;
    std::chrono::milliseconds patience_;
};

// Everything but unreserved characters (RFC 3986 section 2.3) as %XX.
[[nodiscard]] std::string escape(std::string_view text);

// The body of a 2xx answer, or what a refusal says (its problem detail, RFC 9457).
[[nodiscard]] std::expected<std::string, AdminError> read_answer(std::string_view answer);

}  // namespace sluice::ctl
