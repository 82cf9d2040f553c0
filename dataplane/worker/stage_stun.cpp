// STUN and DTLS. Before a transport is validated its checks go to the control plane; afterwards the worker verifies
// and answers them itself, so that consent (RFC 7675) and NAT rebinding survive an outage of the control plane.

#include <string_view>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

// What the last flight of a DTLS 1.2 handshake begins with (RFC 6347 section 4.2.4). Any other datagram of a peer whose keys
// are programmed is an answer that comes late.
constexpr std::uint8_t change_cipher_spec = 20;

}  // namespace

void Worker::stage_stun(const Datagram& datagram) noexcept {
    StageTimer timer(*this, Stage::stun);
    timer.packets = 1;
    const auto check = wire::StunView::parse(datagram.bytes);
    if (!check) return drop(DropReason::stun_malformed);
    if (check->type() != wire::StunType::binding_request) return drop(DropReason::stun_not_request);
    // RFC 8445 section 7.2.2: USERNAME is "our ufrag:their ufrag"; ours always has 8 characters.
    const auto username = check->username();
    if (!username || username->size() < abi::ufrag_size + 1 || (*username)[abi::ufrag_size] != ':') {
        return drop(DropReason::stun_unknown_ufrag);
    }
    const std::uint64_t ufrag = table::ufrag_key(*username);
    table::Transport* t = table_.by_ufrag(ufrag);
    if (t == nullptr) return elsewhere(datagram, table_.owner_of_ufrag(ufrag), DropReason::stun_unknown_ufrag);
    if (!t->validated || check->ice_controlled().has_value() || !check->unknown_required().empty()) {
        const bool solicited = !t->validated && t->first_checks.take(config_.budgets.first_checks, now_ns_);
        // The prefix first: what it refuses is not taken from the others.
        if (!solicited && (!stun_prefixes_.take(datagram.frame->source.address, now_ns_) || !stun_budget_.take(now_ns_)))
            return drop(DropReason::stun_limited);
        return punt(abi::PuntClass::stun, t, datagram);
    }
    const table::IceState& ice = ufrag == t->ice.ufrag ? t->ice : t->previous_ice;
    const auto hmac = [&](std::span<const ByteView> parts, std::uint8_t* out) { engine_->hmac_sha1(ice.hmac, parts, out); };
    if (!check->message_integrity_valid(hmac) || (check->has_fingerprint() && !check->fingerprint_valid())) {
        ++t->hot.counters->auth_failures;
        return drop(DropReason::stun_bad_integrity);
    }
    ++t->hot.counters->stun_checks;
    ++counters_->stun_answered;
    t->last_seen_ns = now_ns_;
    answer_check(*check, ice, datagram);

    const abi::FlowAddress flow = flow_of(datagram);
    trace(t->id, abi::TraceKind::stun_answered, 0, {check->use_candidate()}, &flow);
    learn_flow(*t, flow);
    // Media goes to the 5-tuple of the last authenticated packet. A nominated pair takes over only when there is no
    // path yet, or when nothing authenticated has come along the old one for three seconds.
    constexpr std::int64_t path_is_dead_ns = 3'000'000'000;
    const bool elsewhere = table::key_of(t->path) != datagram.key;
    if (elsewhere && check->use_candidate() && (!t->hot.has_path || now_ns_ - t->path_authenticated_ns > path_is_dead_ns)) {
        switch_path(*t, flow);
    }
}

void Worker::answer_check(const wire::StunView& check, const table::IceState& ice, const Datagram& datagram) noexcept {
    const wire::UdpDatagram& frame = *datagram.frame;
    const auto path =
        wire::UdpTemplate::make({config_.mac, frame.source_mac, frame.destination, frame.source, frame.vlan, 64, 0});
    if (!path) return;
    std::array<std::uint8_t, 128> buffer;
    wire::StunWriter writer(buffer, wire::StunType::binding_success, check.transaction_id());
    writer.add_xor_mapped_address(frame.source);
    writer.add_message_integrity(
        [&](std::span<const ByteView> parts, std::uint8_t* out) { engine_->hmac_sha1(ice.hmac, parts, out); });
    writer.add_fingerprint();
    send_datagram(*path, writer.finish());
}

void Worker::stage_dtls(const Datagram& datagram) noexcept {
    table::Transport* t = table_.by_flow(datagram.key);
    if (t == nullptr) return elsewhere(datagram, table_.owner_of_flow(datagram.key), DropReason::dtls_unknown_flow);
    const bool solicited = t->dtls.take(config_.budgets.dtls_of_transport, now_ns_);
    if (!solicited && (!dtls_prefixes_.take(datagram.frame->source.address, now_ns_) || !dtls_budget_.take(now_ns_)))
        return drop(DropReason::dtls_limited);
    punt(abi::PuntClass::dtls, t, datagram);
}

void Worker::punt(abi::PuntClass punt_class, const table::Transport* transport, const Datagram& datagram) noexcept {
    StageTimer timer(*this, Stage::punt);
    timer.packets = 1;
    if (datagram.bytes.size() > abi::max_datagram) return drop(DropReason::punt_too_long);
    abi::PacketRecord record;
    record.punt_class = punt_class;
    record.worker = static_cast<std::uint8_t>(config_.id);
    record.transport = transport->id;
    record.rx_unix_ns = unix_ns();
    record.flow = flow_of(datagram);
    auto& ring = punt_class == abi::PuntClass::stun ? stun_out_ : dtls_out_;
    if (!ring.push(record, datagram.bytes)) return drop(DropReason::punt_ring_full);
    ++counters_->punted;
    trace(record.transport, punt_class == abi::PuntClass::stun ? abi::TraceKind::stun_punted : abi::TraceKind::dtls_punted,
          0, {static_cast<std::uint32_t>(datagram.bytes.size())}, &record.flow);
}

bool Worker::stage_inject() noexcept {
    if (inject_in_.empty()) return false;
    StageTimer timer(*this, Stage::inject);
    for (int i = 0; i < burst; ++i) {
        const auto result = inject_in_.pop(inject_slot_);
        if (result == abi::PacketRingConsumer::Result::empty) break;
        const abi::FlowAddress& flow = inject_slot_.record.flow;
        // The control plane is trusted with content, not with our identity: only our address and ports may be the source. A
        // transport's owner sends from another worker's port.
        if (result == abi::PacketRingConsumer::Result::invalid || flow.local_port < config_.first_udp_port ||
            flow.local_port >= config_.first_udp_port + config_.workers || !ours(IpAddress{flow.local_ip})) {
            drop(DropReason::inject_invalid);
            continue;
        }
        const auto path = template_of(flow);
        if (!path) {
            drop(DropReason::inject_invalid);
            continue;
        }
        ++timer.packets;
        ++counters_->injected;
        trace(inject_slot_.record.transport, abi::TraceKind::injected, 0, {inject_slot_.record.length}, &flow);
        learn_verified(inject_slot_.record);
        send_datagram(*path, {inject_slot_.datagram, inject_slot_.record.length});
        if (inject_slot_.record.length == 0 || inject_slot_.datagram[0] != change_cipher_spec) continue;
        if (table::Transport* t = table_.by_flow(table::key_of(flow))) peer_has_keys(*t);
    }
    return true;
}

// The peer's ClientHello follows the answer to its check by one round trip, which may be shorter than the control plane's
// UPSERT of the path takes to get here: so the answer itself brings the flow.
void Worker::learn_verified(const abi::PacketRecord& answer) noexcept {
    const std::uint64_t ufrag = table::ufrag_key({answer.verified_ufrag.data(), answer.verified_ufrag.size()});
    if (ufrag == 0) return;
    table::Transport* t = table_.by_ufrag(ufrag);
    if (t != nullptr && t->id == answer.transport) learn_flow(*t, answer.flow);
}

}  // namespace sluice::worker
