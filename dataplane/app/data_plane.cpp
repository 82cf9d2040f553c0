#include "dataplane/app/data_plane.hpp"

#include <fmt/format.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "config/network.hpp"
#include "dataplane/app/log.hpp"
#include "dataplane/port/packet_buffer.hpp"

namespace sluice::app {
namespace {

// The backend to seal with, or why there is none.
std::expected<srtp::Backend, std::string> backend_of(config::Sealer sealer) {
    srtp::Backend chosen = srtp::Backend::ipsec_mb;
    switch (sealer) {
        case config::Sealer::automatic: chosen = srtp::best_backend(); break;
        case config::Sealer::avx512: chosen = srtp::Backend::avx512; break;
        case config::Sealer::ipsec_mb: chosen = srtp::Backend::ipsec_mb; break;
        case config::Sealer::libsrtp: chosen = srtp::Backend::libsrtp; break;
    }
    const std::string reason = srtp::why_not(chosen);
    if (reason.empty()) return chosen;
    return std::unexpected(fmt::format("dataplane.sealer: {} cannot be used: {}", srtp::to_string(chosen), reason));
}

std::optional<IpAddress> address_of(const std::string& cidr) {
    if (cidr.empty()) return std::nullopt;
    return IpAddress::parse(cidr.substr(0, cidr.find('/')));
}

}  // namespace

std::string MemoryPlan::to_string() const {
    constexpr double mb = 1024.0 * 1024.0;
    return fmt::format(
        "memory plan: {:.0f} MB in packet pools ({} rx buffers, {} tx buffers and {:.0f} MB of history per worker, {} "
        "fragment "
        "buffers), "
        "{:.1f} MB state segment, {:.1f} MB packet rings, {:.0f} MB for blobs",
        pools_bytes / mb, rx_mbufs, tx_mbufs_per_worker, static_cast<double>(history_bytes_per_worker) / mb,
        control::Reassembly::buffers, segment_bytes / mb, rings_bytes / mb, blob_budget / mb);
}

MemoryPlan plan_memory(const config::Dataplane& d) {
    MemoryPlan plan;
    plan.rx_mbufs = 4095u * d.workers;
    plan.tx_mbufs_per_worker = 2047;
    plan.history_bytes_per_worker = std::uint64_t{d.limits.history_mb} * 1024 * 1024 / d.workers;
    const std::uint64_t mbuf = sizeof(rte_mbuf) + port::buffer_bytes + 64;
    plan.pools_bytes =
        mbuf * (plan.rx_mbufs + std::uint64_t{plan.tx_mbufs_per_worker} * d.workers + control::Reassembly::buffers) +
        control::Reassembly::table_bytes + std::uint64_t{d.limits.history_mb} * 1024 * 1024 * 9 / 8 +
        std::uint64_t{d.limits.transports} * 512 * d.workers;
    plan.segment_bytes = telemetry::Segment::size_of({d.workers, 1, d.limits.transports, d.limits.sources, d.limits.legs});
    plan.rings_bytes = abi::RingLayout::total(d.workers);
    plan.blob_budget = std::uint64_t{d.limits.transports} * 4096 + (1 << 20);
    return plan;
}

std::expected<std::unique_ptr<DataPlane>, std::string> DataPlane::create(const config::Config& config, Options options) {
    std::unique_ptr<DataPlane> plane(new DataPlane);
    if (auto built = plane->build(config, std::move(options)); !built) return std::unexpected(built.error());
    return plane;
}

std::expected<void, std::string> DataPlane::build(const config::Config& config, Options options) {
    const config::Dataplane& d = config.dataplane;
    const MemoryPlan plan = plan_memory(d);
    const auto sealer = backend_of(d.sealer);
    if (!sealer) return std::unexpected(sealer.error());
    clock_ = TscClock::calibrate(50'000'000);
    auto segment = telemetry::Segment::create({d.workers, 1, d.limits.transports, d.limits.sources, d.limits.legs});
    if (!segment) return std::unexpected("state segment: " + segment.error());
    segment_ = std::move(*segment);
    auto rings = telemetry::SharedMemory::create("sluice-rings", plan.rings_bytes);
    if (!rings) return std::unexpected("packet rings: " + rings.error());
    rings_ = std::move(*rings);
    wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    segment_.header().tsc_hz = clock_.hz();
    std::snprintf(segment_.header().sealer, sizeof segment_.header().sealer, "%s",
                  std::string(srtp::to_string(*sealer)).c_str());

    const int socket = static_cast<int>(rte_socket_id());
    if (auto started = start_port(config, plan, options); !started) return started;
    if (auto attached = start_host_port(d, options); !attached) return attached;
    describe_port(d, options);
    const auto ip4 = address_of(d.port.address);
    const auto ip6 = address_of(d.port.address6);

    auto reassembly = control::Reassembly::create({d.workers, config.rtc.udp_port, socket, port::buffer_bytes});
    if (!reassembly) return std::unexpected(reassembly.error() + "; " + plan.to_string());
    reassembly_ = std::move(*reassembly);
    for (unsigned i = 0; i < d.workers; ++i) links_.push_back(std::make_unique<control::WorkerLink>());
    std::vector<std::vector<worker::Peer>> peers(d.workers, std::vector<worker::Peer>(d.workers));
    for (unsigned from = 0; from < d.workers; ++from) {
        for (unsigned to = 0; to < d.workers; ++to) {
            if (from == to) continue;
            cross_.push_back(std::make_unique<worker::CrossRing>(4096));
            peers[from][to].out = cross_.back().get();
            peers[to][from].in = cross_.back().get();
        }
    }
    std::uint8_t* ring_base = rings_.data();
    std::vector<control::WorkerLink*> links;
    if (d.port.egress_mbps != 0) pacer_ = std::make_unique<port::EgressPacer>(1e6 * d.port.egress_mbps, clock_.hz());
    for (unsigned i = 0; i < d.workers; ++i) {
        rte_mempool* tx_pool = rte_pktmbuf_pool_create(fmt::format("tx{}", i).c_str(), plan.tx_mbufs_per_worker, 256, 0,
                                                       port::buffer_bytes, socket);
        if (tx_pool == nullptr) return std::unexpected("no memory for a tx pool; " + plan.to_string());
        tx_pools_.push_back(tx_pool);
        worker::WorkerConfig c;
        c.id = static_cast<std::uint16_t>(i);
        c.workers = d.workers;
        c.socket = socket;
        c.poll = d.poll == config::Poll::busy ? worker::PollMode::busy : worker::PollMode::adaptive;
        c.to_host = i < options.to_host.size() ? options.to_host[i] : nullptr;
        c.from_host = i == 0 ? options.from_host : nullptr;
        c.answer_local = c.to_host == nullptr && d.port.type != config::PortType::af_xdp;
        c.vlan = d.port.vlan;
        c.first_udp_port = config.rtc.udp_port;
        c.mtu = d.port.mtu;
        c.mac = mac_;
        c.addresses = {ip4.value_or(IpAddress{}), ip6.value_or(IpAddress{})};
        c.max_transports = d.limits.transports;
        c.max_sources = d.limits.sources;
        c.history_bytes = plan.history_bytes_per_worker;
        c.sealer = *sealer;
        c.clock = clock_;
        c.port = options.ports[i];
        c.pacer = pacer_.get();
        c.tx_pool = tx_pool;
        c.counters = &segment_.worker(i);
        c.stun_ring = ring_base + abi::RingLayout::punt(i, abi::PuntClass::stun);
        c.dtls_ring = ring_base + abi::RingLayout::punt(i, abi::PuntClass::dtls);
        c.inject_ring = ring_base + abi::RingLayout::inject(i);
        c.commands = &links_[i]->commands();
        c.done = &links_[i]->done();
        c.events = &links_[i]->events();
        c.fragment_pool = reassembly_->pool();
        c.fragments = &reassembly_->fragments(i);
        c.reassembled = &reassembly_->reassembled(i);
        c.peers = peers[i];
        workers_.push_back(std::make_unique<worker::Worker>(std::move(c)));
        if (!workers_.back()->valid())
            return std::unexpected(fmt::format("worker {}: {}; {}", i, workers_.back()->why(), plan.to_string()));
        links.push_back(links_[i].get());
    }
    registry_ =
        std::make_unique<control::Registry>(control::RegistryLimits{d.limits.transports, d.limits.sources, d.limits.legs,
                                                                    plan.blob_budget, options.allow_plaintext},
                                            links, segment_, *sealer);
    control::ServerInfo info;
    if (ip4) info.port.ip4 = ip4->bytes;
    if (ip6) info.port.ip6 = ip6->bytes;
    info.port.first_udp_port = config.rtc.udp_port;
    info.port.mtu = d.port.mtu;
    info.max_transports = d.limits.transports;
    info.max_sources = d.limits.sources;
    info.max_legs = d.limits.legs;
    info.allow_plaintext = options.allow_plaintext;
    info.audit = audit;
    server_ = std::make_unique<control::Server>(*registry_, segment_, rings_.fd(), wake_, std::move(info));
    if (options.next_hop_interface != 0) {
        auto hops = follow_next_hops(options.next_hop_interface, {ip4.value_or(IpAddress{}), ip6.value_or(IpAddress{})});
        if (!hops) return std::unexpected(hops.error());
    }
    std::vector<const std::uint64_t*> loops;
    for (unsigned i = 0; i < d.workers; ++i) loops.push_back(&segment_.worker(i).loops);
    watchdog_ = std::make_unique<Watchdog>(std::move(loops), options.watchdog_ms);
    return server_->listen(d.control_socket);
}

DataPlane::~DataPlane() {
    stop_workers();
    server_.reset();
    next_hops_.reset();
    // Objects that the workers held are freed with the registry and the links; the pools outlive both.
    registry_.reset();
    workers_.clear();
    links_.clear();
    port_.reset();
    host_.reset();
    reassembly_.reset();
    for (rte_mempool* pool : tx_pools_) rte_mempool_free(pool);
    rte_mempool_free(rx_pool_);
    if (wake_ >= 0) close(wake_);
}

void DataPlane::start_workers() {
    struct Start {
        worker::Worker* worker;
        const std::atomic<bool>* stop;
        Watchdog* watchdog;
    };
    stop_ = false;
    running_ = true;
    watchdog_->start(clock_.now_ns());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        // EAL lcore i + 1; the worker frees its start record.
        auto* start = new Start{workers_[i].get(), &stop_, watchdog_.get()};
        rte_eal_remote_launch(
            [](void* p) {
                const std::unique_ptr<Start> s(static_cast<Start*>(p));
                s->watchdog->enroll(s->worker->config().id);
                s->worker->run(*s->stop);
                return 0;
            },
            start, static_cast<unsigned>(i + 1));
    }
}

void DataPlane::stop_workers() {
    if (!running_) return;
    stop_ = true;
    rte_eal_mp_wait_lcore();
    running_ = false;
}

void DataPlane::turn(int timeout_ms) {
    server_->poll(timeout_ms);
    for (auto& link : links_) {
        worker::Event event;
        for (int budget = 256; budget > 0 && link->events().pop(event); --budget) server_->forward(event);
    }
    if (host_ != nullptr) host_->turn(to_host_, *from_host_);
    if (follows_next_hops_) turn_next_hops();
    reassembly_->turn(clock_.now_ns());
    wake_control_plane();
    segment_.header().heartbeat.fetch_add(1, std::memory_order_relaxed);
    if (running_) watch();
}

std::expected<void, std::string> DataPlane::follow_next_hops(unsigned interface_index,
                                                             const std::array<IpAddress, 2>& addresses) {
    auto kernel = port::NetlinkKernel::open(interface_index, addresses);
    if (!kernel) return std::unexpected(kernel.error());
    kernel_ = std::move(*kernel);
    next_hops_ = std::make_unique<NextHopFeed>(*registry_, *kernel_);
    follows_next_hops_ = true;
    return {};
}

void DataPlane::turn_next_hops() {
    const std::int64_t now = clock_.now_ns();
    const auto state = kernel_->poll(next_hops_->next_hops(), now);
    next_hops_->next_hops().turn(now);
    if (state) return;
    if (host_ == nullptr) {
        failure_ = state.error();
        return;
    }
    // The NIC is still ours: media goes on, back the way it comes.
    follows_next_hops_ = false;
    log(config::LogLevel::error,
        "the kernel behind the host port is lost until the data plane is started again: " + state.error());
}

// At most one wake a millisecond: the wake costs, not the copy.
void DataPlane::wake_control_plane() {
    const std::int64_t now = clock_.now_ns();
    if (now - last_wake_ns_ < 1'000'000) return;
    for (std::uint32_t i = 0; i < workers_.size(); ++i) {
        for (const auto punt_class : {abi::PuntClass::stun, abi::PuntClass::dtls}) {
            const auto* ring =
                reinterpret_cast<const abi::PacketRingHeader*>(rings_.data() + abi::RingLayout::punt(i, punt_class));
            if (ring->head.load(std::memory_order_acquire) == ring->tail.load(std::memory_order_acquire)) continue;
            const std::uint64_t one = 1;
            (void)!write(wake_, &one, sizeof one);
            last_wake_ns_ = now;
            return;
        }
    }
}

void DataPlane::watch() {
    const std::int64_t now = clock_.now_ns();
    if (now < next_watch_ns_) return;
    next_watch_ns_ = now + 10'000'000;
    count_host_port();
    watchdog_->check(now);
    if (now < next_stats_ns_ || port_ == nullptr) return;
    next_stats_ns_ = now + 500'000'000;
    rte_eth_stats stats{};
    if (rte_eth_stats_get(port_->id(), &stats) != 0) return;
    abi::PortBlock& block = segment_.port(0);
    block.rx_packets = stats.ipackets;
    block.rx_bytes = stats.ibytes;
    block.tx_packets = stats.opackets;
    block.tx_bytes = stats.obytes;
    block.rx_missed = stats.imissed;
    block.rx_errors = stats.ierrors;
    block.tx_errors = stats.oerrors;
    block.rx_nombuf = stats.rx_nombuf;
}

}  // namespace sluice::app
