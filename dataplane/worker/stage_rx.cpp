// From the port to the demultiplexer: frame checks, answers to ARP, ND and ICMP, hand-over of datagrams that are another
// worker's.

#include <rte_mbuf.h>

#include "dataplane/wire/announce.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

DropReason reason_of(wire::FrameError error) noexcept {
    switch (error) {
        case wire::FrameError::not_ip:
        case wire::FrameError::not_udp:
        case wire::FrameError::ipv6_extension_header:
        case wire::FrameError::source_not_unicast: return DropReason::frame_unsupported;
        case wire::FrameError::fragment: return DropReason::frame_fragment;
        case wire::FrameError::bad_ip_length:
        case wire::FrameError::bad_ip_header_length:
        case wire::FrameError::bad_ip_version:
        case wire::FrameError::bad_udp_length:
        case wire::FrameError::port_zero: return DropReason::frame_bad_length;
        case wire::FrameError::truncated_ethernet:
        case wire::FrameError::truncated_vlan:
        case wire::FrameError::truncated_ip:
        case wire::FrameError::truncated_udp: break;
    }
    return DropReason::frame_truncated;
}

// What the NIC has verified is not verified again. GOOD and BAD are its verdict; NONE means that it verified the packet
// although the field is wrong (a virtual device); without a verdict the IPv4 header is summed here. A UDP checksum is not:
// what comes through is authenticated by STUN's, DTLS's or SRTP's own means.
bool checksums_valid(const rte_mbuf& frame, ByteView bytes, const wire::UdpDatagram& datagram) noexcept {
    if ((frame.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD) return false;
    switch (frame.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) {
        case RTE_MBUF_F_RX_IP_CKSUM_BAD: return false;
        case RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN: return wire::ip_checksum_valid(bytes, datagram);
        default: return true;
    }
}

}  // namespace

bool Worker::ours(const IpAddress& address) const noexcept {
    return identity_.owns(address);
}

bool Worker::stage_receive() noexcept {
    rte_mbuf* frames[burst];
    const std::uint16_t count = config_.port->receive(frames, burst);
    if (count == 0) return false;
    StageTimer timer(*this, Stage::rx);
    timer.packets = count;
    look_ahead(frames, count);
    for (std::uint16_t i = 0; i < count; ++i) {
        counters_->rx_bytes += frames[i]->pkt_len;
        frame_received(frames[i], iteration_tsc_, config_.id);
    }
    counters_->rx_packets += count;
    return true;
}

// Frees the frame, or hands it to the worker whose port it is for. That one may hand it on to whom the transport is with.
void Worker::frame_received(rte_mbuf* frame, std::uint64_t rx_tsc, std::uint16_t from, bool returned) noexcept {
    const ByteView bytes{rte_pktmbuf_mtod(frame, const std::uint8_t*), frame->data_len};
    if (capture_ != nullptr) [[unlikely]]
        capture_received(bytes, from);
    if (frame->nb_segs != 1) {
        drop(DropReason::frame_unsupported);
        rte_pktmbuf_free(frame);
        return;
    }
    const auto datagram = wire::parse_udp_frame(bytes);
    if (!datagram) {
        if (datagram.error() == wire::FrameError::fragment)
            fragment_received(frame, bytes);
        else
            not_media(bytes, reason_of(datagram.error()));
        rte_pktmbuf_free(frame);
        return;
    }
    const std::uint16_t port = datagram->destination.port;
    frame_ = frame;
    if (!ours(datagram->destination.address)) {
        not_media(bytes, DropReason::not_our_address);
    } else if (port < config_.first_udp_port || port >= config_.first_udp_port + config_.workers) {
        not_media(bytes, DropReason::not_our_port);
    } else if (const std::uint16_t owner = port_worker(port); owner != config_.id && owner != from) {
        CrossMessage message{};
        message.kind = CrossKind::datagram;
        message.datagram = frame;
        if (config_.peers[owner].out->push(message)) {
            ++counters_->handed_over;
            return;
        }
        drop(DropReason::handover_full);
    } else if (owner == config_.id && !checksums_valid(*frame, bytes, *datagram)) {
        drop(DropReason::frame_bad_checksum);
    } else {
        const Datagram received{datagram->payload(bytes),
                                &*datagram,
                                {datagram->source.address.bytes, datagram->source.port, port},
                                rx_tsc,
                                from,
                                returned};
        if (trace_ != nullptr) [[unlikely]]
            subject_ = subject_of(received.key, received.bytes);
        demux(received);
        subject_ = nullptr;
    }
    rte_pktmbuf_free(frame_);  // a null pointer is fine
}

// Whatever is no datagram of a worker's: the kernel's behind the port, or answered here, or dropped for `reason`.
void Worker::not_media(ByteView frame, DropReason reason) noexcept {
    if (config_.to_host != nullptr) return send_to_host(frame);
    if (config_.answer_local) return answer_locally(frame, reason);
    drop(reason);
}

void Worker::answer_locally(ByteView frame, DropReason reason) noexcept {
    const wire::FrameClass kind = wire::classify_frame(frame);
    switch (kind) {
        case wire::FrameClass::arp:
        case wire::FrameClass::icmp_echo:
        case wire::FrameClass::icmp6_echo:
        case wire::FrameClass::neighbor_solicit: break;
        default: return drop(reason);
    }
    StageTimer timer(*this, Stage::local);
    if (!local_budget_.take(now_ns_)) return drop(DropReason::local_limited);
    rte_mbuf* reply = rte_pktmbuf_alloc(config_.tx_pool);
    if (reply == nullptr) return drop(DropReason::tx_pool_empty);
    const ByteSpan room{rte_pktmbuf_mtod(reply, std::uint8_t*), rte_pktmbuf_tailroom(reply)};
    const auto length = wire::write_reply(frame, identity_, room);
    if (!length) {
        rte_pktmbuf_free(reply);
        return drop(length.error() == wire::ReplyError::not_for_us ? DropReason::not_our_address
                                                                   : DropReason::frame_unsupported);
    }
    reply->data_len = static_cast<std::uint16_t>(*length);
    reply->pkt_len = reply->data_len;
    timer.packets = 1;
    queue_tx(reply);
}

// For a second after the start the link is told who we are: neighbours whose requests our predecessor no longer answered
// would wait that long before they ask again.
void Worker::announce() noexcept {
    constexpr std::uint8_t times = 10;
    constexpr std::int64_t interval_ns = 100'000'000;
    if (!config_.answer_local || config_.id != 0 || announcements_ == times || now_ns_ < next_announcement_ns_) return;
    ++announcements_;
    next_announcement_ns_ = now_ns_ + interval_ns;
    for (const IpAddress& address : config_.addresses) {
        if (address.is_unspecified()) continue;
        rte_mbuf* frame = rte_pktmbuf_alloc(config_.tx_pool);
        if (frame == nullptr) return drop(DropReason::tx_pool_empty);
        const std::size_t length = wire::write_announcement(
            config_.mac, address, config_.vlan, {rte_pktmbuf_mtod(frame, std::uint8_t*), rte_pktmbuf_tailroom(frame)});
        frame->data_len = static_cast<std::uint16_t>(length);
        frame->pkt_len = frame->data_len;
        queue_tx(frame);
    }
}

void Worker::demux(const Datagram& datagram) noexcept {
    if (datagram.bytes.empty()) return drop(DropReason::demux_unknown);
    switch (wire::first_byte_class(datagram.bytes[0])) {
        case wire::PacketClass::stun: return stage_stun(datagram);
        case wire::PacketClass::dtls: return stage_dtls(datagram);
        case wire::PacketClass::rtp:
            if (datagram.bytes.size() >= 2 && wire::is_rtcp(datagram.bytes[1])) return stage_rtcp(datagram);
            return stage_rtp(datagram);
        default: return drop(DropReason::demux_unknown);
    }
}

abi::FlowAddress Worker::flow_of(const Datagram& datagram) const noexcept {
    const wire::UdpDatagram& frame = *datagram.frame;
    abi::FlowAddress flow;
    flow.remote_ip = frame.source.address.bytes;
    flow.local_ip = frame.destination.address.bytes;
    flow.remote_port = frame.source.port;
    flow.local_port = frame.destination.port;
    flow.remote_mac = frame.source_mac.bytes;
    flow.vlan = frame.vlan.value_or(0);
    flow.port = config_.port_index;
    return flow;
}

}  // namespace sluice::worker
