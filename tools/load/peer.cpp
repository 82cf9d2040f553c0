#include "tools/load/peer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "controlplane/core/random.hpp"
#include "controlplane/ice/hmac.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/stun_writer.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::int64_t check_interval_ns = 100'000'000;  // until the first answer
constexpr std::int64_t candidate_patience_ns = 1'000'000'000;
constexpr std::uint8_t dtls_alert = 21;  // RFC 6347: the content type

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

Peer::Peer(World& world, Place place, bool publishes)
    : world_(world),
      cname_(core::random_string(12)),
      place_(place),
      publishes_(publishes),
      oracle_rx_(place.oracle && world.oracle ? std::make_unique<srtp::RxKey>() : nullptr),
      local_(ice::generate([](std::span<std::uint8_t> out) { core::random_bytes(out); })),
      tie_breaker_(core::random_id()) {}

Peer::~Peer() {
    tx_.wipe();
    rx_.wipe();
    if (oracle_rx_) oracle_rx_->wipe();
}

std::string Peer::make_offer() {
    phase_ = Phase::joining;
    return write_offer({local_, world_.dtls.certificate().fingerprint_sha256(), cname_, tracks(), publishes_,
                        publishes_ || world_.options.transport_cc});
}

void Peer::fail(std::string why) {
    if (phase_ == Phase::failed || phase_ == Phase::left) return;
    phase_ = Phase::failed;
    dtls_.reset();
    world_.error((publishes_ ? "publisher " : "viewer ") + std::to_string(number()) + ": " + why);
}

void Peer::leave() {
    socket_.close();
    phase_ = Phase::left;
}

void Peer::answered(std::string resource, std::string_view sdp, std::int64_t now_ns) {
    resource_ = std::move(resource);
    answered_ns_ = now_ns;
    auto answer = read_answer(sdp);
    if (!answer) return fail(answer.error());
    answer_ = std::move(*answer);
    // Those of the wished family first, in the order of the answer.
    std::vector<Endpoint> ordered;
    for (const bool v4 : {!world_.options.ipv6, world_.options.ipv6})
        std::ranges::copy_if(answer_.candidates, std::back_inserter(ordered),
                             [&](const Endpoint& c) { return c.address.is_v4() == v4; });
    answer_.candidates = std::move(ordered);
    remote_ = answer_.candidates.front();
    candidate_since_ns_ = now_ns;
    on_answer(answer_);
    if (phase_ == Phase::failed) return;
    if (!open_socket()) return fail("no socket towards " + remote_.to_string() + ": " + std::strerror(errno));
    phase_ = Phase::checking;
    send_check(now_ns);
}

bool Peer::open_socket() {
    return socket_.open(remote_, world_.options.bind, world_.epoll.get(), this);
}

// Nobody answers there: the next one, from the same port.
void Peer::next_candidate(std::int64_t now_ns) {
    candidate_since_ns_ = now_ns;
    candidate_ = (candidate_ + 1) % answer_.candidates.size();
    const Endpoint& next = answer_.candidates[candidate_];
    if (next.address.is_v4() != remote_.address.is_v4() || next == remote_) return;
    remote_ = next;
    if (!socket_.connect(remote_)) ++counters_.send_errors;
}

bool Peer::rebind(std::int64_t now_ns) {
    if (phase_ != Phase::connected) return false;
    readable(now_ns);
    if (!open_socket()) {
        fail(std::string{"rebinding: "} + std::strerror(errno));
        return false;
    }
    on_rebind();
    return true;
}

void Peer::send_datagram(ByteView datagram) {
    if (!socket_.send(datagram)) ++counters_.send_errors;
}

void Peer::send_rtcp(ByteSpan packet, std::size_t size) {
    const std::size_t sealed = sealer().seal_rtcp(tx_, packet.data(), size, ++rtcp_index_);
    if (sealed != 0) send_datagram(packet.first(sealed));
}

void Peer::readable(std::int64_t now_ns) {
    socket_.receive([&](const UdpSocket::Received& received) {
        arrived_ns_ = received.kernel_unix_ns == 0 ? now_ns : received.kernel_unix_ns - world_.unix_minus_monotonic_ns;
        counters_.bytes_received += received.datagram.size();
        receive(received.datagram, now_ns);
    });
    counters_.socket_drops = socket_.drops();
}

void Peer::receive(ByteView datagram, std::int64_t now_ns) {
    if (datagram.empty()) return;
    switch (wire::first_byte_class(datagram[0])) {
        case wire::PacketClass::stun: return on_stun(datagram, now_ns);
        case wire::PacketClass::dtls:
            if (dtls_) {
                dtls_->receive(datagram);
                return pump_dtls(now_ns);
            }
            if (phase_ == Phase::connected && datagram[0] == dtls_alert) fail("the SFU closed the DTLS connection");
            return;
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
    if (message->type() == wire::StunType::binding_request) return answer_check(*message);
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

// A full agent at the other end checks too; what it offers is nominated by us.
void Peer::answer_check(const wire::StunView& request) {
    ice::StunHmac hmac(local_.pwd);
    if (!request.message_integrity_valid(hmac)) {
        ++counters_.auth_failures;
        return;
    }
    std::array<std::uint8_t, 256> buffer{};
    wire::StunWriter writer(buffer, wire::StunType::binding_success, request.transaction_id());
    writer.add_xor_mapped_address(remote_);
    writer.add_message_integrity(hmac);
    writer.add_fingerprint();
    send_datagram(writer.finish());
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
    tx_.init(suite_, master(keys->local_key, keys->local_salt), oracle() ? *world_.oracle : *world_.fast);
    rx_.init(suite_, master(keys->remote_key, keys->remote_salt), *world_.fast);
    if (oracle_rx_) oracle_rx_->init(suite_, master(keys->remote_key, keys->remote_salt), *world_.oracle);
    phase_ = Phase::connected;
    if (dtls_->role() == dtls::Role::client) dtls_.reset();
    on_connected(now_ns);
}

std::expected<std::size_t, srtp::OpenError> Peer::open_rtp(ByteView sealed, std::size_t header_size, std::uint64_t index,
                                                           bool again, std::uint8_t* plain) {
    if (oracle_rx_ && !again) {
        const auto opened = world_.oracle->opener().open_rtp(*oracle_rx_, sealed, header_size, index, plain);
        if (opened || opened.error() != srtp::OpenError::replayed) return opened;
    }
    return world_.fast->opener().open_rtp(rx_, sealed, header_size, index, plain);
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
    const std::uint64_t hash = hash_of_tag(sealed);
    const auto before = history == rtcp_.end() ? std::nullopt : history->seen.find(index);
    if (before == hash) {
        ++counters_.duplicates;
        return world_.recorder.note(now_ns, number(), 'C', ssrc, index, hash);
    }
    std::uint8_t plain[2048];
    const bool behind = history != rtcp_.end() && index <= history->seen.highest();
    const auto opened = behind || !oracle_rx_ ? world_.fast->opener().open_rtcp(rx_, sealed, plain)
                                              : world_.oracle->opener().open_rtcp(*oracle_rx_, sealed, plain);
    if (!opened) {
        ++counters_.auth_failures;
        return;
    }
    if (before) {
        ++counters_.rtcp_index_reuse;
        return world_.recorder.note(now_ns, number(), 'X', ssrc, index, hash);
    }
    if (behind) ++counters_.rtcp_index_regressions;
    if (history == rtcp_.end()) history = rtcp_.insert(rtcp_.end(), RtcpHistory{ssrc, RecentIndices(oracle() ? 256 : 32)});
    history->seen.note(index, hash);
    world_.recorder.note(now_ns, number(), 'c', ssrc, index, hash);
    ++counters_.rtcp_received;
    on_rtcp({plain, opened->len}, now_ns);
}

void Peer::tick(std::int64_t now_ns) {
    if (phase_ == Phase::idle || phase_ == Phase::joining || phase_ == Phase::failed || phase_ == Phase::left) return;
    consent_.expire(now_ns);
    const auto interval =
        phase_ == Phase::checking ? check_interval_ns : static_cast<std::int64_t>(world_.options.consent_interval_s * 1e9);
    if (now_ns - consent_.last_sent_ns() >= interval) send_check(now_ns);
    if (phase_ == Phase::checking && now_ns - candidate_since_ns_ >= candidate_patience_ns) next_candidate(now_ns);
    if (phase_ == Phase::handshaking) pump_dtls(now_ns);
    if (phase_ == Phase::connected) on_tick(now_ns);
}

void Peer::excuse(std::int64_t ns) {
    answered_ns_ += ns;
    consent_.excuse(ns);
    on_excuse(ns);
}

}  // namespace sluice::loadgen
