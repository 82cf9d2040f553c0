#include "dataplane/worker/worker.hpp"

#include <rte_mbuf.h>
#include <time.h>

#include <algorithm>
#include <random>
#include <string>

namespace sluice::worker {
namespace {

// Adaptive polling: spin this long without work, then sleep this long at a time.
constexpr std::uint64_t spin_ns = 20'000;
constexpr long sleep_ns = 200'000;
constexpr std::int64_t tick_ns = 1'000'000;

std::string pool_name(std::uint16_t id) {
    return "history" + std::to_string(id);
}
std::string table_name(std::uint16_t id) {
    return "w" + std::to_string(id);
}

}  // namespace

Worker::Worker(WorkerConfig config)
    : config_(std::move(config)),
      counters_(config_.counters),
      engine_(srtp::make_engine(config_.sealer)),
      history_(pool_name(config_.id).c_str(), config_.history_bytes, config_.socket),
      table_(table_name(config_.id).c_str(), config_.max_transports, config_.socket),
      stun_out_(config_.stun_ring, abi::RingLayout::slots),
      dtls_out_(config_.dtls_ring, abi::RingLayout::slots),
      inject_in_(config_.inject_ring, abi::RingLayout::slots),
      stun_budget_(config_.budgets.stun.whole),
      dtls_budget_(config_.budgets.dtls.whole),
      fragment_budget_(config_.budgets.fragments.whole),
      stun_prefixes_(config_.budgets.stun.prefix, std::random_device{}()),
      dtls_prefixes_(config_.budgets.dtls.prefix, std::random_device{}()),
      fragment_prefixes_(config_.budgets.fragments.prefix, std::random_device{}()),
      port_(static_cast<std::uint16_t>(config_.first_udp_port + config_.id)),
      identity_{config_.mac, config_.addresses},
      publisher_times_(config_.max_transports),
      rtcp_window_pool_(std::max<std::size_t>(table::RtcpWindows::max_blocks, config_.max_transports / 4)),
      sources_(config_.max_sources),
      views_(config_.max_sources),
      due_(config_.max_sources) {
    transports_.reserve(config_.max_transports);
    publishers_.reserve(config_.max_transports);
    udp_checksum_offload_ = config_.port->offloads_udp_checksum();
    if (udp_checksum_offload_) {
        tx_flags4_ |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
        tx_flags6_ |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6;
    }
    if (config_.port->offloads_ipv4_checksum()) tx_flags4_ |= RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4;
    if (engine_ == nullptr)
        why_ = "the SRTP backend does not run on this CPU";
    else if (!history_.valid())
        why_ = "no memory for the history pool";
    else if (!table_.valid())
        why_ = "no memory for the transport tables";
    counters_->history_total = history_.size();
}

Worker::~Worker() {
    flush_tx();
    for (std::uint16_t i = 0; i < tx_count_; ++i) rte_pktmbuf_free(tx_[i]);
}

bool Worker::iterate() noexcept {
    iteration_tsc_ = TscClock::ticks();
    now_ns_ = config_.clock.to_ns(iteration_tsc_);
    bool worked = stage_receive();
    worked |= stage_cross();
    worked |= stage_reassembled();
    worked |= stage_inject();
    worked |= stage_from_host();
    worked |= stage_commands();
    worked |= stage_next_hops();
    worked |= stage_fanout();
    if (now_ns_ >= next_tick_ns_) {
        next_tick_ns_ = now_ns_ + tick_ns;
        announce();
        tick();
    }
    worked |= stage_timers();
    flush_tx();
    const std::uint64_t spent = TscClock::ticks() - iteration_tsc_;
    ++counters_->loops;
    if (worked) {
        counters_->busy_cycles += spent;
        count_log2(counters_->loop_ns, static_cast<std::uint64_t>(config_.clock.to_ns(iteration_tsc_ + spent) - now_ns_), 1);
    }
    return worked;
}

void Worker::run(const std::atomic<bool>& stop) noexcept {
    const std::uint64_t spin = config_.clock.ticks_of_ns(spin_ns);
    std::uint64_t idle_since = TscClock::ticks();
    const std::uint64_t started = idle_since;
    while (!stop.load(std::memory_order_relaxed)) {
        const bool worked = iterate();
        const std::uint64_t now = TscClock::ticks();
        counters_->total_cycles = now - started;
        if (worked) {
            idle_since = now;
        } else if (config_.poll == PollMode::adaptive && now - idle_since > spin) {
            const timespec pause{0, sleep_ns};
            nanosleep(&pause, nullptr);
        }
    }
}

}  // namespace sluice::worker
