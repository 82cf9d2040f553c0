#include "tools/load/peer.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "controlplane/core/random.hpp"
#include "controlplane/ice/hmac.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/stun_writer.hpp"
#include "tools/load/socket_address.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::int64_t check_interval_ns = 100'000'000;  // until the first answer
constexpr int receive_buffer_bytes = 4 << 20;

srtp::MasterKey master(const std::array<std::uint8_t, 16>& key, const std::array<std::uint8_t, 14>& salt) {
    return {key, salt};
}

}  // namespace

std::string_view to_string(Phase phase) noexcept {
    switch (phase) {
        case Phase::idle: return "idle";
        case Phase::joining: return "joining";
        case Phase::checking: return "checking";
        case Phase::handshaking: return "handshaking";
        case Phase::connected: return "connected";
        case Phase::failed: return "failed";
        case Phase::left: return "left";
    }
    return "unknown";
}

Peer::Peer(World& world, std::uint32_t number, bool publishes)
    : world_(world),
      cname_(core::random_string(12)),
      number_(number),
      publishes_(publishes),
      local_(ice::generate([](std::span<std::uint8_t> out) { core::random_bytes(out); })),
      tie_breaker_(core::random_id()) {}

Peer::~Peer() {
    tx_.wipe();
    rx_.wipe();
    verify_.wipe();
}

std::string Peer::make_offer() {
    phase_ = Phase::joining;
    return write_offer({local_, world_.dtls.certificate().fingerprint_sha256(), cname_, tracks(), publishes_});
}

void Peer::fail(std::string why) {
    if (phase_ == Phase::failed || phase_ == Phase::left) return;
    phase_ = Phase::failed;
    world_.error((publishes_ ? "publisher " : "viewer ") + std::to_string(number_) + ": " + why);
}

void Peer::leave() {
    socket_.reset();
    phase_ = Phase::left;
}

void Peer::answered(std::string resource, std::string_view sdp, std::int64_t now_ns) {
    resource_ = std::move(resource);
    answered_ns_ = now_ns;
    auto answer = read_answer(sdp);
    if (!answer) return fail(answer.error());
    answer_ = std::move(*answer);
    remote_ = answer_.candidates.front();
    for (const Endpoint& candidate : answer_.candidates)
        if (candidate.address.is_v4() != world_.options.ipv6) {
            remote_ = candidate;
            break;
        }
    on_answer(answer_);
    if (!open_socket()) return fail("no socket towards " + remote_.to_string() + ": " + std::strerror(errno));
    phase_ = Phase::checking;
    send_check(now_ns);
}

bool Peer::open_socket() {
    const SocketAddress remote(remote_);
    UniqueFd made(::socket(remote.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made) return false;
    const int on = 1;
    ::setsockopt(made.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes) != 0)
        ::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    if (world_.options.bind) {
        const SocketAddress local(Endpoint{*world_.options.bind, 0});
        if (::bind(made.get(), local.get(), local.size) != 0) return false;
    }
    if (::connect(made.get(), remote.get(), remote.size) != 0) return false;
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    ::getsockname(made.get(), reinterpret_cast<sockaddr*>(&name), &size);
    // The port stands at the same place for both families.
    local_port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    if (::epoll_ctl(world_.epoll.get(), EPOLL_CTL_ADD, made.get(), &event) != 0) return false;
    socket_ = std::move(made);
    kernel_drops_ = 0;
    return true;
}

bool Peer::rebind(std::int64_t now_ns) {
    if (phase_ != Phase::connected) return false;
    readable(now_ns);
    socket_.reset();
    if (!open_socket()) {
        fail(std::string{"rebinding: "} + std::strerror(errno));
        return false;
    }
    on_rebind();
    return true;
}

void Peer::send_datagram(ByteView datagram) {
    if (::send(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0) ++counters_.send_errors;
}

void Peer::send_rtcp(ByteSpan packet, std::size_t size) {
    const std::size_t sealed = world_.engine->sealer().seal_rtcp(tx_, packet.data(), size, ++rtcp_index_);
    if (sealed != 0) send_datagram(packet.first(sealed));
}

void Peer::readable(std::int64_t now_ns) {
    constexpr unsigned batch = 32;
    static std::uint8_t buffers[batch][2048];
    static mmsghdr messages[batch];
    static iovec vectors[batch];
    alignas(cmsghdr) static char controls[batch][64];
    while (socket_) {
        for (unsigned i = 0; i < batch; ++i) {
            vectors[i] = {buffers[i], sizeof buffers[i]};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_control = controls[i];
            messages[i].msg_hdr.msg_controllen = sizeof controls[i];
        }
        const int count = ::recvmmsg(socket_.get(), messages, batch, 0, nullptr);
        // An ICMP error of an earlier send is reported once here; the port may be back already.
        if (count < 0 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) continue;
        if (count <= 0) return;
        for (int i = 0; i < count; ++i) {
            const cmsghdr* control = CMSG_FIRSTHDR(&messages[i].msg_hdr);
            if (control != nullptr && control->cmsg_type == SO_RXQ_OVFL) {
                std::uint32_t drops = 0;
                std::memcpy(&drops, CMSG_DATA(control), sizeof drops);
                counters_.socket_drops += drops - kernel_drops_;
                kernel_drops_ = drops;
            }
            receive({buffers[i], messages[i].msg_len}, now_ns);
        }
        if (count < static_cast<int>(batch)) return;
    }
}

void Peer::receive(ByteView datagram, std::int64_t now_ns) {
    if (datagram.empty()) return;
    switch (wire::first_byte_class(datagram[0])) {
        case wire::PacketClass::stun: return on_stun(datagram, now_ns);
        case wire::PacketClass::dtls:
            if (!dtls_) return;
            dtls_->receive(datagram);
            return pump_dtls(now_ns);
        case wire::PacketClass::rtp:
            if (phase_ != Phase::connected || datagram.size() < 2) return;
            return wire::is_rtcp(datagram[1]) ? on_srtcp(datagram, now_ns) : on_rtp(datagram, now_ns);
        default: ++counters_.malformed;
    }
}

void Peer::send_check(std::int64_t now_ns) {
    const auto id = core::random_array<12>();
    std::array<std::uint8_t, 256> buffer{};
    wire::StunWriter writer(buffer, wire::StunType::binding_request, id);
    writer.add_username(answer_.remote.ufrag + ':' + local_.ufrag);
    writer.add_ice_controlling(tie_breaker_);
    writer.add_priority(0x6e7f1eff);
    writer.add_use_candidate();
    writer.add_message_integrity(ice::StunHmac(answer_.remote.pwd));
    writer.add_fingerprint();
    send_datagram(writer.finish());
    consent_.sent(id, now_ns);
}

void Peer::on_stun(ByteView datagram, std::int64_t now_ns) {
    const auto message = wire::StunView::parse(datagram);
    if (!message) {
        ++counters_.malformed;
        return;
    }
    if (message->type() == wire::StunType::binding_error) return consent_.refused();
    if (message->type() != wire::StunType::binding_success) return;
    if (!message->message_integrity_valid(ice::StunHmac(answer_.remote.pwd)) || !message->fingerprint_valid()) {
        ++counters_.auth_failures;
        return;
    }
    if (!consent_.answered(message->transaction_id(), now_ns) || phase_ != Phase::checking) return;
    phase_ = Phase::handshaking;
    dtls_.emplace(world_.dtls, answer_.dtls_client ? dtls::Role::client : dtls::Role::server, answer_.fingerprints);
    dtls_->start();
    pump_dtls(now_ns);
}

void Peer::pump_dtls(std::int64_t now_ns) {
    if (!dtls_) return;
    if (phase_ == Phase::handshaking && dtls_->next_timeout() == 0) dtls_->handle_timeout();
    std::vector<std::uint8_t> datagram;
    while (dtls_->take_output(datagram)) send_datagram(datagram);
    if (dtls_->state() == dtls::State::failed) return fail("DTLS: " + dtls_->error());
    if (dtls_->state() == dtls::State::closed) return fail("the SFU closed the DTLS connection");
    if (phase_ != Phase::handshaking || dtls_->state() != dtls::State::connected) return;
    const auto keys = dtls_->keys();
    if (!keys) return fail("DTLS: no SRTP keys");
    suite_ = keys->profile == dtls::SrtpProfile::aead_aes_128_gcm ? srtp::Suite::aead_aes_128_gcm
                                                                  : srtp::Suite::aes_cm_128_hmac_sha1_80;
    tx_.init(suite_, master(keys->local_key, keys->local_salt), *world_.engine);
    rx_.init(suite_, master(keys->remote_key, keys->remote_salt), *world_.engine);
    verify_.init(suite_, master(keys->remote_key, keys->remote_salt), *world_.verifier);
    phase_ = Phase::connected;
    on_connected(now_ns);
}

void Peer::on_srtcp(ByteView sealed, std::int64_t now_ns) {
    if (sealed.size() < 8 + srtp::rtcp_overhead(suite_) || sealed.size() > 2048) {
        ++counters_.malformed;
        return;
    }
    const std::size_t behind_word = suite_ == srtp::Suite::aead_aes_128_gcm ? 0 : srtp::sha1_80_tag_bytes;
    const std::uint32_t index = load<be32>(sealed.data() + sealed.size() - behind_word - 4).value() & srtp::max_rtcp_index;
    const std::uint32_t ssrc = load<be32>(sealed.data() + 4).value();
    auto history = std::find_if(rtcp_.begin(), rtcp_.end(), [&](const RtcpHistory& h) { return h.ssrc == ssrc; });
    const std::uint64_t hash = hash_of(sealed);
    const auto before = history == rtcp_.end() ? std::nullopt : history->seen.find(index);
    if (before == hash) {
        ++counters_.duplicates;
        return world_.recorder.note(now_ns, number_, 'C', ssrc, index, hash);
    }
    std::uint8_t plain[2048];
    // The oracle keeps a replay window of its own; whatever looks like a repetition is left to the stateless engine.
    const bool behind = history != rtcp_.end() && index <= history->seen.highest();
    const auto opened = behind ? world_.verifier->opener().open_rtcp(verify_, sealed, plain)
                               : world_.engine->opener().open_rtcp(rx_, sealed, plain);
    if (!opened) {
        ++counters_.auth_failures;
        return;
    }
    if (before) {
        ++counters_.rtcp_index_reuse;
        return world_.recorder.note(now_ns, number_, 'X', ssrc, index, hash);
    }
    if (behind) ++counters_.rtcp_index_regressions;
    if (history == rtcp_.end()) history = rtcp_.insert(rtcp_.end(), RtcpHistory{ssrc, {}});
    history->seen.note(index, hash);
    world_.recorder.note(now_ns, number_, 'c', ssrc, index, hash);
    ++counters_.rtcp_received;
    on_rtcp({plain, opened->len}, now_ns);
}

void Peer::tick(std::int64_t now_ns) {
    if (phase_ == Phase::idle || phase_ == Phase::joining || phase_ == Phase::failed || phase_ == Phase::left) return;
    consent_.expire(now_ns);
    const auto interval =
        phase_ == Phase::checking ? check_interval_ns : static_cast<std::int64_t>(world_.options.consent_interval_s * 1e9);
    if (now_ns - consent_.last_sent_ns() >= interval) send_check(now_ns);
    if (phase_ == Phase::handshaking) pump_dtls(now_ns);
    if (phase_ == Phase::connected) on_tick(now_ns);
}

void Peer::excuse(std::int64_t ns) {
    answered_ns_ += ns;
    consent_.excuse(ns);
    on_excuse(ns);
}

}  // namespace sluice::loadgen
