#include "dataplane/control/server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::control {

using abi::MessageType;
using abi::Status;

namespace {
constexpr std::size_t max_staged = 65'536;  // messages of one transaction
}

Server::Server(Registry& registry, const telemetry::Segment& segment, int rings, int wake, ServerInfo info)
    : registry_(registry),
      segment_(segment),
      rings_(rings),
      wake_(wake),
      read_only_segment_(segment.memory().read_only_fd()),
      info_(std::move(info)) {}

Server::~Server() {
    connections_.clear();
    if (listen_fd_ >= 0) {
        close(listen_fd_);
        unlink(path_.c_str());
    }
    if (epoll_ >= 0) close(epoll_);
    if (read_only_segment_ >= 0) close(read_only_segment_);
}

std::expected<void, std::string> Server::listen(const std::string& path) {
    const auto failed = [&](const char* what) {
        return std::unexpected("control socket " + path + ": " + what + ": " + std::strerror(errno));
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return std::unexpected("control socket " + path + ": the path is longer than 107 bytes");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (epoll_ < 0 || fd < 0) return failed("socket");
    // A socket that still answers belongs to a living data plane: never take it over.
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        close(fd);
        return std::unexpected("control socket " + path + ": another data plane is serving it; stop that one first");
    }
    unlink(path.c_str());
    const mode_t before = umask(0177);
    const int bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    umask(before);
    if (bound != 0 || ::listen(fd, 16) != 0) {
        close(fd);
        return failed("bind");
    }
    listen_fd_ = fd;
    path_ = path;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    (void)epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    return {};
}

void Server::accept() {
    for (;;) {
        const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        ucred peer{};
        socklen_t size = sizeof peer;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
            (peer.uid != 0 && peer.uid != geteuid() && geteuid() != 0)) {
            close(fd);
            continue;
        }
        // Root may have handed the socket file to an unprivileged control plane (chown): then the file mode decided already.
        int room = 4 << 20;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        auto c = std::make_unique<Connection>(fd);
        c->serial = next_serial_++;
        c->peer_uid = peer.uid;
        c->peer_pid = static_cast<std::uint32_t>(peer.pid);
        connections_[fd] = std::move(c);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        (void)epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
}

void Server::drop_connection(int fd) {
    const auto at = connections_.find(fd);
    if (at == connections_.end()) return;
    if (programmer_ == at->second.get()) programmer_ = nullptr;
    end_observations(*at->second);
    (void)epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    connections_.erase(at);
}

void Server::poll(int timeout_ms) {
    registry_.poll([this](std::uint64_t token) { token_done(token); });
    epoll_event events[16];
    const int count = epoll_wait(epoll_, events, 16, timeout_ms);
    for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listen_fd_) {
            accept();
            continue;
        }
        const auto at = connections_.find(events[i].data.fd);
        // For a moment nothing can be applied: what the programmer sends waits in its socket.
        if (at != connections_.end() && at->second.get() == programmer_ && registry_.handing_over()) continue;
        if (at != connections_.end() && !serve(*at->second)) drop_connection(events[i].data.fd);
    }
    std::vector<int> dead;
    for (auto& [fd, c] : connections_) {
        if (!c->flush()) dead.push_back(fd);
    }
    for (const int fd : dead) drop_connection(fd);
}

bool Server::serve(Connection& c) {
    for (int budget = 256; budget > 0; --budget) {
        switch (c.read(buffer_)) {
            case Connection::Read::would_block: return true;
            case Connection::Read::closed: return false;
            case Connection::Read::record: handle(c, buffer_); break;
        }
        if (c.failed()) return false;
    }
    return true;
}

void Server::acknowledge(Connection& c, std::uint64_t seq, Status status, std::uint64_t object) {
    abi::Ack ack;
    ack.status = status;
    ack.object = object;
    abi::finish(ack, seq, c.epoch);
    c.send(bytes_of(ack));
}

void Server::settle(Connection& c, std::uint64_t seq, Registry::Result result, std::uint64_t token) {
    if (registry_.commands(token) == 0) return acknowledge(c, seq, result.status, result.object);
    pending_[token] = {c.serial, seq, result};
}

void Server::token_done(std::uint64_t token) {
    observation_ready(token);
    const auto at = pending_.find(token);
    if (at == pending_.end()) return;
    for (auto& [fd, c] : connections_) {
        if (c->serial == at->second.connection)
            acknowledge(*c, at->second.seq, at->second.result.status, at->second.result.object);
    }
    pending_.erase(at);
}

void Server::handle(Connection& c, ByteView record) {
    const auto header = abi::read_header(record);
    if (!header) return acknowledge(c, 0, Status::malformed);
    if (header->type == MessageType::hello) return hello(c, record);
    if (c.greeted && header->type >= MessageType::observe_start && header->type <= MessageType::subscribe)
        return observe(c, *header, record);
    if (!c.greeted || c.role != abi::ConnectionRole::programmer) return acknowledge(c, header->seq, Status::not_programmer);
    if (&c != programmer_ || header->epoch != epoch_) return acknowledge(c, header->seq, Status::stale_epoch);
    switch (header->type) {
        case MessageType::txn_begin:
            c.in_transaction = true;
            c.staged.clear();
            return;
        case MessageType::txn_commit: return commit(c, header->seq);
        case MessageType::dump: return dump(c, header->seq);
        case MessageType::sync_begin: {
            const auto m = abi::read_as<abi::SyncBegin>(record);
            if (!m) return acknowledge(c, header->seq, Status::malformed);
            sync_generation_ = m->generation;
            return acknowledge(c, header->seq, Status::ok);
        }
        case MessageType::sync_end: {
            const auto m = abi::read_as<abi::SyncEnd>(record);
            if (!m || m->generation != sync_generation_) return acknowledge(c, header->seq, Status::malformed);
            const std::uint64_t token = next_token_++;
            return settle(c, header->seq, registry_.sweep(m->generation, m->force != 0, token), token);
        }
        default: return change(c, *header, record);
    }
}

void Server::change(Connection& c, const abi::MessageHeader& header, ByteView record) {
    if (c.in_transaction) {
        if (c.staged.size() >= max_staged) return acknowledge(c, header.seq, Status::capacity);
        c.staged.emplace_back(record.begin(), record.end());
        return;
    }
    const std::uint64_t token = next_token_++;
    settle(c, header.seq, registry_.apply(record, token), token);
}

void Server::commit(Connection& c, std::uint64_t seq) {
    if (!c.in_transaction) return acknowledge(c, seq, Status::no_transaction);
    c.in_transaction = false;
    const std::uint64_t token = next_token_++;
    Registry::Result result;
    // The first refusal is what the ACK names; the rest of the transaction is still applied, since each message is
    // idempotent and the control plane repeats or removes what it must.
    for (const auto& record : c.staged) {
        const Registry::Result one = registry_.apply(record, token);
        if (one.status != Status::ok && result.status == Status::ok) result = one;
    }
    for (auto& record : c.staged) srtp::secure_zero(record.data(), record.size());
    c.staged.clear();
    settle(c, seq, result, token);
}

void Server::dump(Connection& c, std::uint64_t seq) {
    abi::DumpEnd end;
    end.objects = registry_.dump([&](ByteView record) { c.send(record); });
    abi::finish(end, seq, c.epoch);
    c.send(bytes_of(end));
}

void Server::hello(Connection& c, ByteView record) {
    abi::HelloReply reply;
    const auto m = abi::read_as<abi::Hello>(record);
    const abi::SegmentHeader& segment = segment_.header();
    if (!m || m->abi_min > abi::abi_current || m->abi_max < abi::abi_oldest) {
        reply.abi = 0;
        reply.status = static_cast<std::uint16_t>(m ? Status::abi_mismatch : Status::malformed);
        abi::finish(reply, m ? m->header.seq : 0, 0);
        return c.send(bytes_of(reply));
    }
    c.greeted = true;
    c.role = m->role;
    if (c.role == abi::ConnectionRole::programmer) {
        if (programmer_ != nullptr && programmer_ != &c) {
            send_event(abi::EventFenced{});
            (void)programmer_->flush();
            shutdown(programmer_->fd(), SHUT_RD);  // its next read says closed
        }
        programmer_ = &c;
        c.epoch = ++epoch_;
    }
    reply.abi = std::min(m->abi_max, abi::abi_current);
    reply.workers = segment.workers;
    reply.boot_id = segment.boot_id;
    reply.epoch = c.epoch;
    reply.port = info_.port;
    reply.max_transports = info_.max_transports;
    reply.max_sources = info_.max_sources;
    reply.max_legs = info_.max_legs;
    reply.allow_plaintext = info_.allow_plaintext ? 1 : 0;
    reply.size_transport = sizeof(abi::TransportSpec);
    reply.size_source = sizeof(abi::SourceSpec);
    reply.size_leg = sizeof(abi::LegSpec);
    abi::finish(reply, m->header.seq, c.epoch);
    const int fds[] = {read_only_segment_, rings_, wake_};
    c.send(bytes_of(reply), {fds, c.role == abi::ConnectionRole::programmer ? std::size_t{3} : std::size_t{1}});
}

void Server::forward(const worker::Event& event) {
    switch (event.kind) {
        case worker::EventKind::path: {
            registry_.path_learned(event.id, event.flow);
            abi::EventPath m;
            m.transport = static_cast<abi::TransportId>(event.id);
            m.path = event.flow;
            return send_event(m);
        }
        case worker::EventKind::source_bound: {
            registry_.source_learned(event.id, event.ssrc, event.rtx_ssrc);
            abi::EventSourceBound m;
            m.source = static_cast<abi::SourceId>(event.id);
            m.ssrc = event.ssrc;
            m.rtx_ssrc = event.rtx_ssrc;
            m.payload_type = event.payload_type;
            return send_event(m);
        }
        case worker::EventKind::silent: {
            abi::EventTransportSilent m;
            m.transport = static_cast<abi::TransportId>(event.id);
            m.silent_ms = event.silent_ms;
            return send_event(m);
        }
        case worker::EventKind::bye: {
            abi::EventBye m;
            m.source = static_cast<abi::SourceId>(event.id);
            return send_event(m);
        }
    }
}

}  // namespace sluice::control
