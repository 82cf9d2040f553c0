// IP fragments to our address: checked and limited here, put together by main, and back as whole datagrams. A worker
// copies a fragment into a buffer of the fragments' own pool, so that neither the port's buffers wait for a reassembly nor
// a flood of fragments takes anything that media needs.

#include <rte_mbuf.h>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/fragment.hpp"
#include "dataplane/wire/headers.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

// Of a datagram's IP payload: no larger datagram fits the history pool or a punt slot.
constexpr std::size_t max_datagram = sizeof(wire::UdpHeader) + abi::max_datagram;
// A piece that is not the last: links that carry IP in smaller ones carry no media. It holds whatever a filter may want to
// see of the UDP header, and bounds the pieces of a datagram.
constexpr std::uint16_t min_piece = 256;
static_assert(max_datagram / min_piece < 8, "rte_ip_frag takes no more pieces");

}  // namespace

void Worker::fragment_received(const rte_mbuf* frame, ByteView bytes) noexcept {
    const auto fragment = wire::parse_fragment(bytes);
    // Only the first piece names a port, so the kernel behind a host port is shown all and leaves ours alone.
    const bool kernel_has_it = config_.to_host != nullptr;
    if (kernel_has_it) send_to_host(bytes);
    const auto not_ours = [&](DropReason reason) {
        if (!kernel_has_it) drop(reason);
    };
    if (!fragment) return not_ours(DropReason::frame_bad_length);
    if (!ours(fragment->destination)) return not_ours(DropReason::not_our_address);
    if (fragment->protocol != wire::protocol_udp) return not_ours(DropReason::frame_unsupported);
    if (fragment->end() > max_datagram) return drop(DropReason::fragment_too_long);
    if (fragment->more ? fragment->length < min_piece : fragment->first() && fragment->length < sizeof(wire::UdpHeader)) {
        return drop(DropReason::fragment_tiny);
    }
    const ByteView piece = bytes.subspan(fragment->payload_offset(), fragment->length);
    if (fragment->first()) {
        const std::uint16_t port = load<wire::UdpHeader>(piece.data()).destination.value();
        if (port < config_.first_udp_port || port >= config_.first_udp_port + config_.workers)
            return not_ours(DropReason::not_our_port);
    }
    // Main cannot tell any more once the headers are merged.
    if (fragment->header_length != 0 && (frame->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) != RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
        wire::internet_checksum(bytes.subspan(fragment->l2_length, fragment->header_length)).raw() != 0) {
        return drop(DropReason::frame_bad_checksum);
    }
    if (!fragment_prefixes_.take(fragment->source, now_ns_) || !fragment_budget_.take(now_ns_))
        return drop(DropReason::fragment_limited);
    rte_mbuf* copy = rte_pktmbuf_alloc(config_.fragment_pool);
    if (copy == nullptr) return drop(DropReason::fragment_limited);
    const std::size_t length = fragment->payload_offset() + fragment->length;
    std::memcpy(rte_pktmbuf_append(copy, static_cast<std::uint16_t>(length)), bytes.data(), length);
    copy->l2_len = fragment->l2_length;
    copy->l3_len = fragment->l3_length;
    if (!config_.fragments->push(copy)) {
        rte_pktmbuf_free(copy);
        return drop(DropReason::fragment_limited);
    }
    ++counters_->fragments;
}

bool Worker::stage_reassembled() noexcept {
    Reassembled items[burst];
    const std::size_t count = config_.reassembled->pop_burst(items);
    for (std::size_t i = 0; i < count; ++i) {
        if (items[i].count != 0) drop(items[i].reason, items[i].count);
        if (items[i].datagram == nullptr) continue;
        ++counters_->reassembled;
        frame_received(items[i].datagram, iteration_tsc_, config_.id);
    }
    return count != 0;
}

}  // namespace sluice::worker
