// A crowd for the control plane: the product's own process, a fake data plane in front of it, and viewers that really POST,
// check and shake hands. What the process spends is read from its CPU clock, so the crowd's own crypto is not in it.
//
// Theory of operation. Everything but the control plane runs on one thread: the fake data plane's control socket, its packet
// rings, the viewers' HTTP and DTLS. A viewer is posting -> checking -> handshaking -> connected; it is in when its DTLS is
// done and its keys have reached the data plane. One publisher is there before them, so that each viewer gets its legs.
//
// Example: Crowd crowd({.program = "build/controlplane/app/sluice-controlplane", .offers = "signaling/sdp/golden"});
//          crowd.start(); const Wave w = crowd.join(1000, 1000.0);
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/dpclient/fake_data_plane.hpp"
#include "controlplane/dtls/endpoint.hpp"
#include "controlplane/ice/credentials.hpp"

namespace sluice::perf {

struct CrowdOptions {
    std::string program;  // sluice-controlplane
    std::string offers;   // the folder of recorded offers
    std::uint32_t sessions = 12'000;
    std::string log_level = "info";  // the product's default; it goes nowhere
    std::string more_config{};       // at the end of the file
};

// One wave of joins.
struct Wave {
    std::size_t asked = 0, connected = 0, refused = 0;
    double seconds = 0;  // from the first POST to the last one in
    double cpu_us = 0;   // of the control plane, all of its threads, per join
    std::vector<double> join_ms;
    std::map<abi::MessageType, std::size_t> messages;  // on the control socket
    std::size_t keyframe_requests = 0;
};

class Crowd {
public:
    explicit Crowd(CrowdOptions options);
    ~Crowd();
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    // The process, synchronised, with a publisher in the room.
    void start();
    // `per_second` POSTs; 0: all at once. Ends when each is in or refused, or after `patience_s`.
    Wave join(std::size_t viewers, double per_second, double patience_s = 12);
    // Lets time pass, as flights' ends need it.
    void rest(double seconds);

    [[nodiscard]] std::size_t memory_kb() const;  // anonymous, resident, of the control plane
    [[nodiscard]] double cpu_seconds() const;
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] std::string last_refusal() const { return last_refusal_; }

private:
    struct Viewer;
    void spawn();
    void post(const std::shared_ptr<Viewer>& v, const std::string& target, const std::string& offer);
    void answered(const std::shared_ptr<Viewer>& v);
    void note_programmed();
    void check(Viewer& v);
    void deliver();
    void flights();
    void send_dtls(Viewer& v);
    void finish(Viewer& v);
    bool turn();
    std::shared_ptr<Viewer> enter(const std::string& target, const std::string& offer);

    CrowdOptions options_;
    std::string directory_;
    boost::asio::io_context io_;
    std::optional<dpclient::FakeDataPlane> plane_;
    std::optional<dtls::Context> identity_;  // of all viewers
    std::string viewer_offer_, publisher_offer_;
    std::uint16_t http_port_ = 0;
    int listen_fd_ = -1;
    pid_t pid_ = -1;
    std::map<std::string, abi::TransportId> by_ufrag_;
    std::map<abi::TransportId, std::shared_ptr<Viewer>> viewers_;
    std::set<abi::TransportId> keyed_, shaking_, upserted_;
    std::size_t seen_ = 0;  // of the fake's received()
    std::uint32_t next_address_ = 1;
    std::int64_t next_flights_ns_ = 0;
    std::size_t open_ = 0;
    std::string last_refusal_;
    Wave wave_;
};

}  // namespace sluice::perf
