// Memory that a burst or a turn is about to need, asked for before it is. With thousands of publishers everything that
// belongs to a packet is cold, some thirty lines of it, each found through the one before: one packet after the other would
// wait for all of them in turn, the packets of a burst wait for them together.
//
// Theory of operation. Each step goes over the whole burst: it follows the pointers whose memory the step before has asked
// for, and asks for what lies behind them. Hints only: nothing is decided here, nothing is checked but bounds, and a wrong
// guess costs a line of cache.

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "dataplane/wire/demux.hpp"
#include "dataplane/worker/worker.hpp"

namespace sluice::worker {
namespace {

// Below that, packets come one by one, and so would their memory.
constexpr std::uint16_t worth_it = 4;
constexpr std::size_t line = 64;

void ask_for(const void* memory, std::size_t size = 1) noexcept {
    const auto* bytes = static_cast<const char*>(memory);
    for (std::size_t at = 0; at < size; at += line) rte_prefetch0(bytes + at);
}

// From the flow to the source's view, for one packet of media.
struct Ahead {
    const table::Transport* transport = nullptr;
    const table::Source* source = nullptr;
    std::uint32_t ssrc = 0;
    std::uint16_t bytes = 0;
};

// Of a frame that looks like RTP in UDP without IP options or a VLAN tag: of most.
bool peek(const rte_mbuf& frame, table::FlowKey& key, std::uint32_t& ssrc) noexcept {
    constexpr std::size_t ethernet = 14, v4 = 20, v6 = 40, udp = 8, rtp = 12;
    const auto* b = rte_pktmbuf_mtod(&frame, const std::uint8_t*);
    if (frame.data_len < ethernet + v4 + udp + rtp) return false;
    std::size_t at = 0;
    key = {};
    if (b[12] == 0x08 && b[13] == 0x00 && b[14] == 0x45) {
        key.remote_ip[10] = key.remote_ip[11] = 0xff;
        std::memcpy(key.remote_ip.data() + 12, b + ethernet + 12, 4);
        at = ethernet + v4;
    } else if (b[12] == 0x86 && b[13] == 0xdd && frame.data_len >= ethernet + v6 + udp + rtp) {
        std::memcpy(key.remote_ip.data(), b + ethernet + 8, key.remote_ip.size());
        at = ethernet + v6;
    } else {
        return false;
    }
    key.remote_port = load<be16>(b + at).value();
    key.local_port = load<be16>(b + at + 2).value();
    ssrc = load<be32>(b + at + udp + 8).value();
    return wire::first_byte_class(b[at + udp]) == wire::PacketClass::rtp;
}

}  // namespace

void Worker::look_ahead(rte_mbuf* const* frames, std::uint16_t count) const noexcept {
    for (std::uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void*));
    if (count < worth_it) return;
    std::array<Ahead, burst> ahead;
    std::array<table::FlowKey, burst> keys;
    std::uint32_t n = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
        if (!peek(*frames[i], keys[n], ahead[n].ssrc)) continue;
        ahead[n++].bytes = frames[i]->data_len;
    }
    std::array<table::Transport*, burst> transports;
    table_.by_flow({keys.data(), n}, transports);
    std::uint32_t known = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
        if (transports[i] == nullptr) continue;
        ahead[known] = ahead[i];
        ahead[known++].transport = transports[i];
        // What follows the hot part is what a packet from the peer reads.
        ask_for(&transports[i]->hot.started);
        ask_for(&transports[i]->keys, 2 * line);
    }
    for (std::uint32_t i = 0; i < known; ++i) {
        const table::Transport& t = *ahead[i].transport;
        if (t.keys.rx != nullptr) ask_for(t.keys.rx.get(), srtp::bytes_read_of_key(ahead[i].bytes));
        if (t.publishing != nullptr) ask_for(t.publishing.get(), 2 * line);
    }
    for (std::uint32_t i = 0; i < known; ++i) {
        table::Publishing* p = ahead[i].transport->publishing.get();
        if (p == nullptr) continue;
        if (p->twcc != nullptr) ask_for(p->twcc.get());
        const auto* binding = p->bound(ahead[i].ssrc);
        if (binding == nullptr) continue;
        ahead[i].source = binding->source;
        ask_for(binding->source, table::Source::lines_of_a_packet * line);
    }
    for (std::uint32_t i = 0; i < known; ++i) {
        const table::Source* s = ahead[i].source;
        if (s == nullptr) continue;
        if (s->view == nullptr) continue;
        ask_for(s->view, 2 * line);
        ask_for(&s->view->keyframe, 2 * line);
    }
    for (std::uint32_t i = 0; i < known; ++i) {
        if (ahead[i].source == nullptr || ahead[i].source->view == nullptr) continue;
        const table::SourceView& view = *ahead[i].source->view;
        ask_for(static_cast<const void*>(&view.ring[view.head & view.mask]));
        ask_for(&view.arrival[view.head & view.mask]);
        ask_for(view.legs);
    }
    for (std::uint32_t i = 0; i < known; ++i) {
        if (ahead[i].source == nullptr || ahead[i].source->view == nullptr) continue;
        const table::SourceView& view = *ahead[i].source->view;
        if (const table::MediaPacket* leaving = view.ring[view.head & view.mask]) ask_for(leaving);
    }
}

// The legs of the views whose turn comes soon; a view's own walk looks ahead for the rest of them.
void Worker::look_ahead(const DueQueue& due) noexcept {
    constexpr std::size_t views_ahead = 2;
    constexpr std::uint32_t legs_ahead = 8;
    if (const table::SourceView* view = due.peek(views_ahead)) {
        for (std::uint32_t i = 0; i < view->leg_count && i < legs_ahead; ++i) look_ahead(view->legs[i]);
    }
}

void Worker::look_ahead(const table::LegRef& ref) noexcept {
    ask_for(&ref.leg->hot, sizeof(table::LegHot));
    ask_for(&ref.transport->hot, sizeof(table::TransportHot));
}

}  // namespace sluice::worker
