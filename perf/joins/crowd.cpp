#include "perf/joins/crowd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <thread>

#include "controlplane/core/clock.hpp"
#include "controlplane/dtls/certificate.hpp"
#include "controlplane/dtls/fingerprint.hpp"
#include "controlplane/ice/test_peer.hpp"

namespace sluice::perf {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t workers = 2;
constexpr std::int64_t flights_apart_ns = 5'000'000;

[[noreturn]] void fail(const std::string& why) {
    throw std::runtime_error(why);
}

std::string read_file(const std::string& path) {
    std::ifstream in(path);
    if (!in) fail("cannot read " + path);
    return {std::istreambuf_iterator<char>{in}, {}};
}

// The value of the first line that begins with `name`.
std::string attribute(const std::string& sdp, const std::string& name) {
    const std::size_t at = sdp.find(name);
    if (at == std::string::npos) return {};
    const std::size_t from = at + name.size();
    return sdp.substr(from, sdp.find_first_of("\r\n", from) - from);
}

}  // namespace

struct Crowd::Viewer {
    explicit Viewer(asio::io_context& io) : socket(io) {}
    asio::ip::tcp::socket socket;
    std::string request, response;
    std::string their_ufrag, our_ufrag;
    ice::Credentials server;
    dtls::Fingerprints fingerprints;
    abi::TransportId id = abi::TransportId::none;
    std::uint32_t worker = 0;
    abi::FlowAddress flow;
    std::optional<dtls::Endpoint> dtls;
    std::int64_t began_ns = 0, checked_ns = 0;
    enum class Phase : std::uint8_t { posting, checking, handshaking, shaken, in, refused } phase = Phase::posting;
};

Crowd::Crowd(CrowdOptions options) : options_(std::move(options)) {
    char pattern[] = "/tmp/sluice-crowd-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    identity_.emplace(*dtls::Context::create(*dtls::Certificate::generate(core::unix_ns() / 1'000'000'000)));
    const auto own = [&](const std::string& name) {
        return std::regex_replace(read_file(options_.offers + "/" + name), std::regex("a=fingerprint:sha-256 [0-9A-F:]+"),
                                  "a=fingerprint:sha-256 " + identity_->certificate().fingerprint_sha256());
    };
    viewer_offer_ = own("chromium156-recvonly.sdp");
    publisher_offer_ = own("chromium156-single-send.sdp");
    plane_.emplace(
        io_, dpclient::FakeDataPlaneOptions{.path = directory_ + "/dataplane.sock",
                                            .workers = workers,
                                            .max_transports = options_.sessions,
                                            .max_sources = 64,
                                            .max_legs = 4 * options_.sessions,
                                            .port = {.ip4 = IpAddress::parse("10.78.82.2")->bytes, .first_udp_port = 7882}});
}

Crowd::~Crowd() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    if (listen_fd_ >= 0) ::close(listen_fd_);
    viewers_.clear();
    plane_.reset();
    std::filesystem::remove_all(directory_);
}

void Crowd::spawn() {
    listen_fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listen_fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listen_fd_, 4096) != 0 ||
        ::getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        fail("cannot listen on loopback");
    http_port_ = ntohs(address.sin_port);
    const std::string config = directory_ + "/sluice.conf", sessions = std::to_string(options_.sessions);
    std::ofstream(config) << "dataplane = { control_socket = \"" << directory_
                          << "/dataplane.sock\"; limits = { transports = " << sessions
                          << "; legs = " << 4 * options_.sessions << "; }; };\n"
                          << "admission = { max_sessions = " << sessions << "; max_viewers_per_room = " << sessions
                          << "; };\n"
                          << options_.more_config;
    pid_ = ::fork();
    if (pid_ < 0) fail("cannot fork");
    if (pid_ == 0) {
        const int null = ::open("/dev/null", O_RDWR);
        if (std::getenv("SLUICE_CROWD_LOG") == nullptr) ::dup2(null, 2);
        ::dup2(null, 1);
        const int inherited = ::dup(listen_fd_);  // without close-on-exec
        ::setenv("SLUICE_LISTEN_FD", std::to_string(inherited).c_str(), 1);
        ::execl(options_.program.c_str(), options_.program.c_str(), "--config", config.c_str(), "--log-level",
                options_.log_level.c_str(), nullptr);
        ::_exit(127);
    }
}

void Crowd::start() {
    plane_->boot();
    spawn();
    for (const std::int64_t end = core::monotonic_ns() + 10'000'000'000; plane_->blobs().empty();) {
        if (core::monotonic_ns() > end) fail("the control plane did not start: " + options_.program);
        io_.restart();
        io_.run_for(std::chrono::milliseconds(1));
    }
    rest(0.1);
    const auto publisher = enter("/whip/crowd", publisher_offer_);
    for (const std::int64_t end = core::monotonic_ns() + 10'000'000'000; publisher->phase != Viewer::Phase::in;) {
        if (core::monotonic_ns() > end) fail("the publisher could not connect: " + last_refusal_);
        turn();
    }
    rest(0.6);
}

void Crowd::rest(double seconds) {
    for (const std::int64_t end = core::monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
         core::monotonic_ns() < end;)
        turn();
}

std::shared_ptr<Crowd::Viewer> Crowd::enter(const std::string& target, const std::string& offer) {
    auto v = std::make_shared<Viewer>(io_);
    v->began_ns = core::monotonic_ns();
    ++open_;
    post(v, target, offer);
    return v;
}

void Crowd::post(const std::shared_ptr<Viewer>& v, const std::string& target, const std::string& offer) {
    v->their_ufrag = attribute(offer, "a=ice-ufrag:");
    v->request = "POST " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/sdp\r\n" +
                 "Content-Length: " + std::to_string(offer.size()) + "\r\n\r\n" + offer;
    v->socket.async_connect({asio::ip::address_v4::loopback(), http_port_}, [this, v](boost::system::error_code error) {
        if (error) return answered(v);
        asio::async_write(v->socket, asio::buffer(v->request), [this, v](boost::system::error_code failed, std::size_t) {
            if (failed) return answered(v);
            asio::async_read(v->socket, asio::dynamic_buffer(v->response),
                             [this, v](boost::system::error_code, std::size_t) { answered(v); });
        });
    });
}

void Crowd::answered(const std::shared_ptr<Viewer>& v) {
    boost::system::error_code ignored;
    v->socket.close(ignored);
    v->request = {};
    const std::string answer = std::move(v->response);
    if (!answer.starts_with("HTTP/1.1 201")) {
        last_refusal_ = answer.substr(0, 400);
        v->phase = Viewer::Phase::refused;
        ++wave_.refused;
        --open_;
        return;
    }
    v->our_ufrag = attribute(answer, "a=ice-ufrag:");
    v->server = {v->our_ufrag, attribute(answer, "a=ice-pwd:")};
    v->fingerprints = {*dtls::parse_fingerprint(attribute(answer, "a=fingerprint:"))};
    note_programmed();
    const auto found = by_ufrag_.find(v->our_ufrag);
    if (found == by_ufrag_.end()) fail("an answer came before its transport was programmed");
    v->id = found->second;
    v->worker = plane_->transports().at(v->id).worker;
    v->flow.remote_ip = IpAddress::parse("10.9.0.1")->bytes;
    v->flow.remote_ip[13] = static_cast<std::uint8_t>(next_address_ >> 16);
    v->flow.remote_ip[14] = static_cast<std::uint8_t>(next_address_ >> 8);
    v->flow.remote_ip[15] = static_cast<std::uint8_t>(next_address_++);
    v->flow.remote_port = 40'000;
    v->flow.local_ip = IpAddress::parse("10.78.82.2")->bytes;
    v->flow.local_port = static_cast<std::uint16_t>(7882 + v->worker);
    viewers_[v->id] = v;
    shaking_.insert(v->id);
    v->phase = Viewer::Phase::checking;
    check(*v);
}

void Crowd::check(Viewer& v) {
    ice::test::Check check;
    check.username = v.server.ufrag + ":" + v.their_ufrag;
    check.pwd = v.server.pwd;
    check.use_candidate = true;
    const auto packet = check.build();
    v.checked_ns = core::monotonic_ns();
    (void)plane_->punt(v.worker, abi::PuntClass::stun, v.id, v.flow, packet);  // a full ring: the next check comes
}

// What the control plane has told the data plane since the last look.
void Crowd::note_programmed() {
    const auto& received = plane_->received();
    for (; seen_ < received.size(); ++seen_) {
        const auto& message = received[seen_];
        ++wave_.messages[message.type];
        if (message.type == abi::MessageType::request_keyframe) ++wave_.keyframe_requests;
        if (message.type == abi::MessageType::upsert_transport) upserted_.insert(abi::TransportId{message.object.id});
    }
    std::erase_if(upserted_, [this](abi::TransportId id) {
        const auto at = plane_->transports().find(id);
        if (at == plane_->transports().end()) return false;  // its transaction is not whole yet
        by_ufrag_[{at->second.ice.ufrag.data(), at->second.ice.ufrag.size()}] = id;
        if (at->second.suite == abi::CryptoSuite::none) return false;  // the keys come later
        if (keyed_.insert(id).second)
            if (const auto v = viewers_.find(id); v != viewers_.end()) finish(*v->second);
        return true;
    });
}

void Crowd::finish(Viewer& v) {
    if (v.phase != Viewer::Phase::shaken || !keyed_.contains(v.id)) return;
    v.phase = Viewer::Phase::in;
    v.dtls.reset();
    v.response = {};
    shaking_.erase(v.id);
    --open_;
    ++wave_.connected;
    wave_.join_ms.push_back(static_cast<double>(core::monotonic_ns() - v.began_ns) / 1e6);
}

void Crowd::send_dtls(Viewer& v) {
    std::vector<std::uint8_t> datagram;
    while (v.dtls->take_output(datagram)) (void)plane_->punt(v.worker, abi::PuntClass::dtls, v.id, v.flow, datagram);
    if (v.dtls->state() == dtls::State::connected && v.phase == Viewer::Phase::handshaking) {
        v.phase = Viewer::Phase::shaken;
        finish(v);
    } else if (v.dtls->state() == dtls::State::failed) {
        fail("a handshake failed: " + v.dtls->error());
    }
}

void Crowd::deliver() {
    for (std::uint32_t w = 0; w < workers; ++w) {
        while (const auto out = plane_->take_injected(w)) {
            const auto found = viewers_.find(out->record.transport);
            if (found == viewers_.end() || out->datagram.empty()) continue;
            Viewer& v = *found->second;
            if (out->datagram[0] < 4 && v.phase == Viewer::Phase::checking) {
                v.phase = Viewer::Phase::handshaking;
                v.dtls.emplace(*identity_, dtls::Role::client, v.fingerprints);
                v.dtls->start();
                send_dtls(v);
            } else if (out->datagram[0] >= 20 && v.dtls) {
                v.dtls->receive(out->datagram);
                send_dtls(v);
            }
        }
    }
}

void Crowd::flights() {
    const std::int64_t now = core::monotonic_ns();
    if (now < next_flights_ns_) return;
    next_flights_ns_ = now + flights_apart_ns;
    const std::vector<abi::TransportId> shaking(shaking_.begin(), shaking_.end());
    for (const abi::TransportId id : shaking) {
        Viewer& v = *viewers_.at(id);
        if (v.phase == Viewer::Phase::checking && now - v.checked_ns > 50'000'000) check(v);
        if (v.phase != Viewer::Phase::handshaking || !v.dtls) continue;
        if (const auto due = v.dtls->next_timeout(); !due || *due > 0) continue;
        v.dtls->handle_timeout();
        send_dtls(v);
    }
}

bool Crowd::turn() {
    io_.restart();
    io_.run_for(std::chrono::microseconds(300));
    note_programmed();
    deliver();
    flights();
    plane_->wake();
    return open_ > 0;
}

Wave Crowd::join(std::size_t viewers, double per_second, double patience_s) {
    note_programmed();
    wave_ = {};
    wave_.asked = viewers;
    const double cpu = cpu_seconds();
    const std::int64_t began = core::monotonic_ns();
    std::size_t sent = 0;
    while (sent < viewers || open_ > 0) {
        const double elapsed = static_cast<double>(core::monotonic_ns() - began) / 1e9;
        if (elapsed > patience_s) break;
        const auto due = per_second <= 0 ? viewers : static_cast<std::size_t>(elapsed * per_second) + 1;
        for (; sent < std::min(due, viewers); ++sent) (void)enter("/whep/crowd", viewer_offer_);
        turn();
    }
    for (const abi::TransportId id : shaking_) {
        const Viewer& v = *viewers_.at(id);
        std::fprintf(stderr, "stuck in phase %d: %s\n", static_cast<int>(v.phase),
                     v.dtls ? v.dtls->error().c_str() : "no DTLS");
        if (v.dtls)
            std::fprintf(stderr, "state %d received %lu sent %lu timeouts %lu ignored %lu\n",
                         static_cast<int>(v.dtls->state()), v.dtls->counters().datagrams_received,
                         v.dtls->counters().datagrams_sent, v.dtls->counters().timeouts,
                         v.dtls->counters().datagrams_ignored);
    }
    wave_.seconds = static_cast<double>(core::monotonic_ns() - began) / 1e9;
    wave_.cpu_us = (cpu_seconds() - cpu) * 1e6 / static_cast<double>(std::max<std::size_t>(1, wave_.connected));
    note_programmed();
    return wave_;
}

double Crowd::cpu_seconds() const {
    clockid_t clock{};
    timespec spent{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &spent) != 0) fail("the control plane is gone");
    return static_cast<double>(spent.tv_sec) + 1e-9 * static_cast<double>(spent.tv_nsec);
}

std::size_t Crowd::memory_kb() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8));
    fail("the control plane is gone");
}

}  // namespace sluice::perf
