// What the data plane says to whoever supervises it, by the datagrams of sd_notify(3): systemd and tools/supervise
// understand the same ones. Without NOTIFY_SOCKET in the environment nobody listens, and nothing is sent.
//
// The state segment is kept in the supervisor's fd store, so that it outlives both planes. Example:
// app::keep_fd("state", segment.read_only_fd()); app::notify("READY=1");
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace sluice::app {

// Main thread. Sends lines of VARIABLE=VALUE; `fd` (not taken) goes along unless it is -1. Does not block: a supervisor
// that does not read is an error like any other, and none of them concerns the packets.
[[nodiscard]] std::expected<void, std::string> notify(std::string_view lines, int fd = -1);

// Replaces what the store has under this name, which is what an earlier life left there.
[[nodiscard]] std::expected<void, std::string> keep_fd(std::string_view name, int fd);

}  // namespace sluice::app
