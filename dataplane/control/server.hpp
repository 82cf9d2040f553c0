// The control socket's server: HELLO, transactions, acknowledgements, DUMP, resync, events, and the fence that lets only the
// newest programmer program.
//
// Theory of operation. Everything runs in main's loop through poll(). A message that changes something gets a token; its
// ACK leaves when the registry says that the last command of the token has come back from the workers. The listening socket
// has mode 0600; a peer must also have our uid, or root's, by SO_PEERCRED. Observers capture and trace in
// server_observe.cpp.
//
// Thread: main only.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "dataplane/control/connection.hpp"
#include "dataplane/control/observation.hpp"
#include "dataplane/control/registry.hpp"

namespace sluice::control {

struct ServerInfo {
    abi::PortInfo port;
    std::uint32_t max_transports = 0;
    std::uint32_t max_sources = 0;
    std::uint32_t max_legs = 0;
    bool allow_plaintext = false;
    std::function<void(std::string_view)> audit;  // a line for the log that no level keeps out
};

class Server {
public:
    // Descriptors stay the caller's: `rings` writable, `wake` the eventfd that tells of punted packets.
    Server(Registry& registry, const telemetry::Segment& segment, int rings, int wake, ServerInfo info);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Replaces a stale socket file. The error says what a person can do.
    [[nodiscard]] std::expected<void, std::string> listen(const std::string& path);
    // Accepts, reads, answers; waits at most `timeout_ms` for something to do.
    void poll(int timeout_ms);
    // Sends events of the workers to the programmer.
    void forward(const worker::Event& event);

    [[nodiscard]] bool has_programmer() const noexcept { return programmer_ != nullptr; }

private:
    void accept();
    bool serve(Connection& c);
    void handle(Connection& c, ByteView record);
    void hello(Connection& c, ByteView record);
    void dump(Connection& c, std::uint64_t seq);
    void change(Connection& c, const abi::MessageHeader& header, ByteView record);
    void commit(Connection& c, std::uint64_t seq);
    void acknowledge(Connection& c, std::uint64_t seq, abi::Status status, std::uint64_t object = 0);
    void settle(Connection& c, std::uint64_t seq, Registry::Result result, std::uint64_t token);
    void token_done(std::uint64_t token);
    void drop_connection(int fd);
    // server_observe.cpp
    void observe(Connection& c, const abi::MessageHeader& header, ByteView record);
    void observe_start(Connection& c, std::uint64_t seq, const abi::ObserveStart& wanted);
    void observe_stop(Connection& c, std::uint64_t seq, abi::ObserveKind kind);
    void observation_ready(std::uint64_t token);
    void end_observation(std::optional<Observation>& slot, std::uint64_t token);
    void end_observations(const Connection& c);
    void tell_observation(const Observation& o, bool started);
    template <typename T>
    void send_event(T event) {
        ++event_seq_;
        if (programmer_ != nullptr) {
            abi::finish(event, event_seq_, programmer_->epoch);
            programmer_->send(bytes_of(event));
        }
        if constexpr (!std::is_same_v<T, abi::EventFenced>) {
            abi::finish(event, event_seq_, 0);
            for (auto& [fd, c] : connections_) {
                if (c->subscribed) c->send(bytes_of(event));
            }
        }
    }

    struct Pending {
        std::uint64_t connection;
        std::uint64_t seq;
        Registry::Result result;
    };

    Registry& registry_;
    const telemetry::Segment& segment_;
    int rings_;
    int wake_;
    int read_only_segment_ = -1;
    ServerInfo info_;
    int listen_fd_ = -1;
    int epoll_ = -1;
    std::string path_;
    std::map<int, std::unique_ptr<Connection>> connections_;
    Connection* programmer_ = nullptr;
    std::uint64_t epoch_ = 0;
    std::uint64_t next_token_ = 1;
    std::uint64_t next_serial_ = 1;
    std::uint64_t event_seq_ = 0;
    std::uint32_t sync_generation_ = 0;
    std::unordered_map<std::uint64_t, Pending> pending_;
    std::vector<std::uint8_t> buffer_;
    // The capture (of either kind) and the trace that run.
    std::optional<Observation> capture_;
    std::optional<Observation> trace_;
};

}  // namespace sluice::control
