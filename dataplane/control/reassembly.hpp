// Puts IP fragments together that the workers passed on, and hands whole datagrams to the worker whose port they are for.
//
// Theory of operation. Workers check and limit fragments and send copies. wire::FragmentGuard admits what can be trusted to
// fit together and names what cannot; rte_ip_frag keeps the pieces and joins them. Both forget after the same quarter of a
// second. What the budget lets in during that time is less than the tables hold, so a flood cannot fill them: it spends its
// own prefix's budget with the worker, and this one at worst. A joined datagram's UDP checksum is verified, as pieces of two
// datagrams may meet under one 16-bit id (RFC 4963). Nothing is ever sent: no ICMP "time exceeded", so nothing can be
// amplified.
//
// Thread: main only; the destructor after the workers have stopped.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/token_bucket.hpp"
#include "dataplane/wire/fragment_guard.hpp"
#include "dataplane/worker/fragment_ring.hpp"

struct rte_ip_frag_death_row;
struct rte_ip_frag_tbl;
struct rte_mempool;

namespace sluice::control {

struct ReassemblyPlan {
    std::uint16_t workers = 1;
    std::uint16_t first_udp_port = 0;
    int socket = 0;
    std::uint16_t buffer_bytes = 0;  // of one mbuf, head room included
};

class Reassembly {
public:
    static constexpr std::uint32_t buffers = 2047;    // in the pool that all workers take from
    static constexpr std::uint32_t datagrams = 2048;  // under way at a time
    static constexpr std::int64_t timeout_ns = 250'000'000;
    static constexpr Rate rate{4'000, 512};  // of all workers' fragments
    static constexpr std::size_t ring_size = 512;
    static constexpr std::uint64_t table_bytes = 2 << 20;  // of rte_ip_frag, about

    [[nodiscard]] static std::expected<std::unique_ptr<Reassembly>, std::string> create(const ReassemblyPlan& plan);
    ~Reassembly();
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;

    [[nodiscard]] rte_mempool* pool() const noexcept { return pool_; }
    [[nodiscard]] worker::FragmentRing& fragments(std::uint32_t worker) noexcept { return *fragments_[worker]; }
    [[nodiscard]] worker::ReassembledRing& reassembled(std::uint32_t worker) noexcept { return *reassembled_[worker]; }

    // Takes what the workers sent, gives back what is whole.
    void turn(std::int64_t now_ns);
    // Of the pool; all of them are back when nothing is under way.
    [[nodiscard]] std::uint32_t buffers_in_use() const noexcept;

private:
    explicit Reassembly(const ReassemblyPlan& plan);
    void add(rte_mbuf* piece, std::uint16_t worker, std::int64_t now_ns);
    [[nodiscard]] rte_mbuf* join(rte_mbuf* piece, const wire::Fragment& fragment, std::int64_t now_ns);
    void deliver(rte_mbuf* datagram, std::uint16_t from, std::uint32_t pieces);
    void lost(std::uint16_t worker, abi::DropReason reason, std::uint32_t count) {
        lost_[worker][static_cast<std::size_t>(reason)] += count;
    }
    void report_losses();
    void bury();

    ReassemblyPlan plan_;
    rte_mempool* pool_ = nullptr;
    rte_ip_frag_tbl* table_ = nullptr;
    std::unique_ptr<rte_ip_frag_death_row> dead_;  // what rte_ip_frag lets go of
    wire::FragmentGuard guard_;
    TokenBucket budget_{rate};
    std::vector<std::unique_ptr<worker::FragmentRing>> fragments_;
    std::vector<std::unique_ptr<worker::ReassembledRing>> reassembled_;
    std::vector<std::array<std::uint32_t, abi::drop_reason_count>> lost_;  // by worker, not reported yet
};

}  // namespace sluice::control
