#include "dataplane/control/reassembly.hpp"

// For rte_ip_frag_table_del_expired_entries: without it the pieces of a datagram that never gets whole would stay until
// another fragment happens to hash to their bucket.
#define ALLOW_EXPERIMENTAL_API
#include <rte_ip_frag.h>
#include <rte_mbuf.h>

#include <cstring>
#include <random>

#include "dataplane/wire/udp_frame.hpp"

namespace sluice::control {

using abi::DropReason;

namespace {

constexpr std::uint32_t buckets = 512;
constexpr std::uint32_t bucket_entries = 8;  // and each key has two buckets
static_assert(buckets * bucket_entries >= Reassembly::datagrams);
static_assert(Reassembly::rate.burst + Reassembly::rate.per_second * Reassembly::timeout_ns / 1'000'000'000 <
              Reassembly::datagrams);

DropReason reason_of(wire::FragmentVerdict verdict) {
    switch (verdict) {
        case wire::FragmentVerdict::duplicate: return DropReason::fragment_duplicate;
        case wire::FragmentVerdict::overlap: return DropReason::fragment_overlap;
        case wire::FragmentVerdict::too_many: return DropReason::fragment_too_long;
        case wire::FragmentVerdict::full:
        case wire::FragmentVerdict::keep:
        case wire::FragmentVerdict::completes: break;
    }
    return DropReason::fragment_limited;
}

ByteView data_of(const rte_mbuf* m) {
    return {rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len};
}

}  // namespace

Reassembly::Reassembly(const ReassemblyPlan& plan)
    : plan_(plan),
      dead_(std::make_unique<rte_ip_frag_death_row>()),
      guard_(datagrams, timeout_ns, std::random_device{}()),
      lost_(plan.workers) {
    for (std::uint16_t i = 0; i < plan.workers; ++i) {
        fragments_.push_back(std::make_unique<worker::FragmentRing>(ring_size));
        reassembled_.push_back(std::make_unique<worker::ReassembledRing>(ring_size));
    }
}

std::expected<std::unique_ptr<Reassembly>, std::string> Reassembly::create(const ReassemblyPlan& plan) {
    std::unique_ptr<Reassembly> r(new Reassembly(plan));
    // No cache per lcore: main frees what workers take, and few are needed.
    r->pool_ = rte_pktmbuf_pool_create("fragments", buffers, 0, 0, plan.buffer_bytes, plan.socket);
    r->table_ =
        rte_ip_frag_table_create(buckets, bucket_entries, datagrams, static_cast<std::uint64_t>(timeout_ns), plan.socket);
    if (r->pool_ == nullptr || r->table_ == nullptr) return std::unexpected("no memory for the reassembly of IP fragments");
    return r;
}

Reassembly::~Reassembly() {
    rte_mbuf* piece = nullptr;
    worker::Reassembled whole;
    for (auto& ring : fragments_)
        while (ring->pop(piece)) rte_pktmbuf_free(piece);
    for (auto& ring : reassembled_)
        while (ring->pop(whole)) rte_pktmbuf_free(whole.datagram);
    if (table_ != nullptr) {
        // Destroying the table would not free what it holds.
        rte_ip_frag_table_del_expired_entries(table_, dead_.get(), ~std::uint64_t{0});
        bury();
        rte_ip_frag_table_destroy(table_);
    }
    rte_mempool_free(pool_);
}

std::uint32_t Reassembly::buffers_in_use() const noexcept {
    return rte_mempool_in_use_count(pool_);
}

void Reassembly::bury() {
    rte_ip_frag_free_death_row(dead_.get(), 0);
}

void Reassembly::turn(std::int64_t now_ns) {
    for (std::uint16_t worker = 0; worker < plan_.workers; ++worker) {
        rte_mbuf* pieces[ring_size];
        const std::size_t count = fragments_[worker]->pop_burst(pieces);
        for (std::size_t i = 0; i < count; ++i) add(pieces[i], worker, now_ns);
    }
    guard_.expire(
        now_ns, [this](std::uint16_t worker, std::uint32_t pieces) { lost(worker, DropReason::fragment_timeout, pieces); });
    rte_ip_frag_table_del_expired_entries(table_, dead_.get(), static_cast<std::uint64_t>(now_ns));
    bury();
    report_losses();
}

void Reassembly::add(rte_mbuf* piece, std::uint16_t worker, std::int64_t now_ns) {
    const auto fragment = wire::parse_fragment(data_of(piece));
    if (!fragment) {  // the worker has checked it
        rte_pktmbuf_free(piece);
        return lost(worker, DropReason::frame_bad_length, 1);
    }
    if (!budget_.take(now_ns)) {
        rte_pktmbuf_free(piece);
        return lost(worker, DropReason::fragment_limited, 1);
    }
    const auto decision = guard_.decide(*fragment, worker, now_ns);
    if (decision.verdict != wire::FragmentVerdict::keep && decision.verdict != wire::FragmentVerdict::completes) {
        rte_pktmbuf_free(piece);
        return lost(worker, reason_of(decision.verdict), decision.lost);
    }
    rte_mbuf* whole = join(piece, *fragment, now_ns);
    bury();
    if (decision.verdict != wire::FragmentVerdict::completes) return;
    // A bucket of its table was full of others.
    if (whole == nullptr) return lost(worker, DropReason::fragment_limited, decision.pieces);
    deliver(whole, worker, decision.pieces);
}

// nullptr: not whole yet.
rte_mbuf* Reassembly::join(rte_mbuf* piece, const wire::Fragment& fragment, std::int64_t now_ns) {
    auto* l3 = rte_pktmbuf_mtod_offset(piece, std::uint8_t*, fragment.l2_length);
    const auto now = static_cast<std::uint64_t>(now_ns);
    if (fragment.header_length != 0) {
        return rte_ipv4_frag_reassemble_packet(table_, dead_.get(), piece, now, reinterpret_cast<rte_ipv4_hdr*>(l3));
    }
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(l3);
    auto* extension = reinterpret_cast<rte_ipv6_fragment_ext*>(l3 + sizeof(rte_ipv6_hdr));
    if (!fragment.atomic()) return rte_ipv6_frag_reassemble_packet(table_, dead_.get(), piece, now, ip, extension);
    // rte_ip_frag waits for more. The fragment header goes, what is before it moves up.
    ip->proto = extension->next_header;
    ip->payload_len = rte_cpu_to_be_16(fragment.length);
    auto* frame = rte_pktmbuf_mtod(piece, std::uint8_t*);
    std::memmove(frame + sizeof *extension, frame, fragment.l2_length + sizeof *ip);
    (void)rte_pktmbuf_adj(piece, sizeof *extension);
    return piece;
}

void Reassembly::deliver(rte_mbuf* datagram, std::uint16_t from, std::uint32_t pieces) {
    const auto refuse = [&](DropReason reason) {
        rte_pktmbuf_free(datagram);
        lost(from, reason, pieces);
    };
    if (rte_pktmbuf_linearize(datagram) != 0) return refuse(DropReason::fragment_too_long);
    const ByteView frame = data_of(datagram);
    const auto udp = wire::parse_udp_frame(frame);
    if (!udp) return refuse(DropReason::frame_bad_length);
    if (!wire::udp_checksum_valid(frame, *udp)) return refuse(DropReason::frame_bad_checksum);
    const std::uint16_t port = udp->destination.port;
    if (port < plan_.first_udp_port || port >= plan_.first_udp_port + plan_.workers) return refuse(DropReason::not_our_port);
    // The IPv4 headers were verified one by one; rte_ip_frag leaves the joint one without a sum.
    datagram->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    const auto owner = static_cast<std::size_t>(port - plan_.first_udp_port);
    if (!reassembled_[owner]->push({datagram, DropReason::none, 0})) refuse(DropReason::handover_full);
}

void Reassembly::report_losses() {
    for (std::uint16_t worker = 0; worker < plan_.workers; ++worker) {
        for (std::size_t reason = 0; reason < lost_[worker].size(); ++reason) {
            std::uint32_t& count = lost_[worker][reason];
            if (count != 0 && reassembled_[worker]->push({nullptr, static_cast<DropReason>(reason), count})) count = 0;
        }
    }
}

}  // namespace sluice::control
