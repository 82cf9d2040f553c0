#include "tests/component/harness.hpp"

#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/headers.hpp"
#include "tests/component/allocation.hpp"

namespace sluice::test {

using abi::DropReason;

Harness::Harness(const HarnessOptions& o)
    : workers_(o.workers), device_(o.device), oracle_(srtp::make_engine(srtp::Backend::libsrtp)) {
    const unsigned workers = o.workers;
    char directory[] = "/tmp/sluice-component-XXXXXX";
    directory_ = mkdtemp(directory);
    pool_ = rte_pktmbuf_pool_create("harness", 4095, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    config::Config c;
    c.dataplane.workers = static_cast<std::uint16_t>(workers);
    c.dataplane.poll = config::Poll::busy;
    c.dataplane.port.type = config::PortType::ring;
    c.dataplane.port.vlan = o.vlan;
    c.dataplane.port.egress_mbps = o.egress_mbps;
    c.dataplane.port.address = "10.77.0.1/24";
    c.dataplane.port.address6 = "fd77:7777::1/64";
    c.dataplane.control_socket = directory_ + "/control.sock";
    c.dataplane.limits = {2100, 64, 4200, 16};
    c.dataplane.sealer = o.backend == srtp::Backend::libsrtp ? config::Sealer::libsrtp : config::Sealer::ipsec_mb;
    app::Options options;
    options.allow_plaintext = true;
    options.watchdog_ms = 0;
    for (unsigned i = 0; i < workers && !o.ethdev; ++i) {
        if (device_ != nullptr) {
            rx_.push_back(device_->rx(i));
            tx_.push_back(device_->tx(i));
            continue;
        }
        rx_.push_back(
            rte_ring_create(("hrx" + std::to_string(i)).c_str(), 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
        tx_.push_back(
            rte_ring_create(("htx" + std::to_string(i)).c_str(), o.tx_slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
        ports_.push_back(std::make_unique<port::RingPort>(rx_[i], tx_[i]));
        options.ports.push_back(ports_.back().get());
    }
    if (o.host_port) {
        for (unsigned i = 0; i < workers; ++i) {
            to_host_.push_back(std::make_unique<port::HostRing>(port::host_ring_slots));
            options.to_host.push_back(to_host_.back().get());
        }
        from_host_ = std::make_unique<port::HostRing>(port::host_ring_slots);
        options.from_host = from_host_.get();
    }
    auto plane = app::DataPlane::create(c, options);
    if (!plane) {
        std::fprintf(stderr, "harness: %s\n", plane.error().c_str());
        std::abort();
    }
    plane_ = std::move(*plane);
}

Harness::~Harness() {
    settle();
    (void)received();
    // Whatever was opened, sealed or handed over is back where it came from.
    EXPECT_EQ(rx_mbufs_in_use(), 0u) << "RX mbufs leaked";
    plane_.reset();
    for (unsigned i = 0; i < rx_.size() && device_ == nullptr; ++i) {
        rte_ring_free(rx_[i]);
        rte_ring_free(tx_[i]);
    }
    rte_mempool_free(pool_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

std::uint32_t Harness::rx_mbufs_in_use() const {
    return rte_mempool_in_use_count(pool_);
}

bool Harness::iterate(unsigned worker) {
    const AllocationGuard guard;
    return plane_->worker(worker).iterate();
}

void Harness::turn(int iterations) {
    for (int i = 0; i < iterations; ++i) {
        for (unsigned w = 0; w < workers_; ++w) (void)iterate(w);
        plane_->turn(0);
    }
}

void Harness::settle() {
    for (int idle = 0; idle < 3;) {
        bool worked = false;
        for (unsigned w = 0; w < workers_; ++w) worked |= iterate(w);
        plane_->turn(0);
        idle = worked ? 0 : idle + 1;
    }
}

void Harness::send_frame(const Frame& frame, unsigned queue, std::uint64_t rx_flags) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    ASSERT_NE(m, nullptr);
    if (device_ != nullptr) queue = device_->classify(frame);
    m->ol_flags = rx_flags;
    std::copy(frame.begin(), frame.end(),
              reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size()))));
    ASSERT_EQ(rte_ring_enqueue(rx_[queue], m), 0);
}

Frame Harness::frame_of(const Peer& peer, ByteView payload, std::optional<std::uint16_t> vlan) {
    const IpAddress ip = peer.address.address.is_v4() ? our_ip : *IpAddress::parse("fd77:7777::1");
    const Endpoint local{ip, static_cast<std::uint16_t>(7882 + peer.worker)};
    const auto path = wire::UdpTemplate::make({peer.mac, our_mac, peer.address, local, vlan, 64, 0});
    EXPECT_TRUE(path.has_value());
    Frame frame(path->header_length() + payload.size());
    path->stamp(frame.data(), static_cast<std::uint16_t>(payload.size()));
    std::copy(payload.begin(), payload.end(), frame.begin() + static_cast<std::ptrdiff_t>(path->header_length()));
    path->fill_udp_checksum(frame.data(), static_cast<std::uint16_t>(payload.size()));
    return frame;
}

void Harness::send(const Peer& peer, ByteView payload, std::optional<unsigned> queue) {
    send_frame(frame_of(peer, payload), queue.value_or(peer.worker));
}

std::vector<SentFrame> Harness::sent() {
    std::vector<SentFrame> frames;
    for (unsigned worker = 0; worker < tx_.size(); ++worker) {
        void* object = nullptr;
        while (rte_ring_dequeue(tx_[worker], &object) == 0) {
            auto* m = static_cast<rte_mbuf*>(object);
            const auto* data = rte_pktmbuf_mtod(m, const std::uint8_t*);
            SentFrame frame{{data, data + m->data_len},
                            m->ol_flags,
                            static_cast<std::uint16_t>(m->l2_len),
                            static_cast<std::uint16_t>(m->l3_len)};
            // MBUF_FAST_FREE: one pool a queue, one reference, one direct segment.
            EXPECT_EQ(rte_mbuf_refcnt_read(m), 1);
            EXPECT_EQ(m->nb_segs, 1);
            EXPECT_TRUE(RTE_MBUF_DIRECT(m));
            EXPECT_EQ(m->pool->name, "tx" + std::to_string(worker));
            rte_pktmbuf_free(m);
            // What is told to the whole link comes at times of its own and is kept apart.
            if (load<Mac>(frame.bytes.data()).is_multicast())
                announcements.push_back(frame.bytes);
            else
                frames.push_back(std::move(frame));
        }
    }
    return frames;
}

std::vector<Frame> Harness::media_to(const Peer& peer, const std::vector<Frame>& frames) const {
    std::vector<Frame> media = payloads_to(peer, frames);
    std::erase_if(media, [](const Frame& p) { return p.size() >= 2 && wire::is_rtcp(p[1]); });
    return media;
}

std::vector<Frame> Harness::received() {
    std::vector<Frame> frames;
    for (const SentFrame& frame : sent()) frames.push_back(finish_as_hardware(frame));
    return frames;
}

Frame finish_as_hardware(const SentFrame& sent) {
    Frame out = sent.bytes;
    if (sent.flags == 0) return out;
    const auto d = wire::parse_udp_frame(out);
    if (!d) {
        ADD_FAILURE() << "an offload was asked for a frame that is not UDP";
        return out;
    }
    const bool v6 = !d->source.address.is_v4();
    EXPECT_EQ(sent.flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6), v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
    EXPECT_EQ(sent.l2_length, d->l3_offset);
    EXPECT_EQ(sent.l3_length, d->l4_offset - d->l3_offset);
    if ((sent.flags & RTE_MBUF_F_TX_IP_CKSUM) != 0) {
        std::uint8_t* field = out.data() + sent.l2_length + offsetof(wire::Ipv4Header, checksum);
        EXPECT_EQ(load<be16>(field).raw(), 0) << "a NIC sums over the field";
        store(field, wire::internet_checksum({out.data() + sent.l2_length, sent.l3_length}));
    }
    if ((sent.flags & RTE_MBUF_F_TX_UDP_CKSUM) != 0) {
        // With the pseudo-header's sum in the field, the sum over UDP header and payload is that of all.
        std::uint8_t* udp = out.data() + d->l4_offset;
        const ByteView all{udp, sizeof(wire::UdpHeader) + d->payload_length};
        store(udp + offsetof(wire::UdpHeader, checksum), wire::checksum_finish_udp(wire::checksum_add(0, all)));
    }
    return out;
}

std::vector<Frame> Harness::payloads_to(const Peer& peer, const std::vector<Frame>& frames) const {
    std::vector<Frame> out;
    for (const Frame& f : frames) {
        const auto d = wire::parse_udp_frame(f);
        if (!d || d->destination != peer.address) continue;
        EXPECT_TRUE(wire::ip_checksum_valid(f, *d));
        EXPECT_TRUE(wire::udp_checksum_valid(f, *d)) << "egress with a wrong UDP checksum";
        const ByteView p = d->payload(f);
        out.emplace_back(p.begin(), p.end());
    }
    return out;
}

std::uint64_t Harness::drops(DropReason reason) const {
    std::uint64_t sum = 0;
    for (unsigned w = 0; w < workers_; ++w) sum += counters(w).drops[static_cast<std::size_t>(reason)];
    return sum;
}

std::uint64_t Harness::total_drops() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < abi::drop_reason_count; ++i) sum += drops(static_cast<DropReason>(i));
    return sum;
}

abi::TransportSpec Harness::transport_spec(std::uint64_t id, std::uint16_t port, std::uint16_t worker) const {
    abi::TransportSpec spec;
    spec.id = static_cast<abi::TransportId>(id);
    spec.generation = 1;
    spec.worker = worker;
    spec.flags = abi::transport_validated;
    char ufrag[9];
    std::snprintf(ufrag, sizeof ufrag, "uf%06u", static_cast<unsigned>(id));
    std::memcpy(spec.ice.ufrag.data(), ufrag, 8);
    std::memcpy(spec.ice.password.data(), "passwordpasswordpassword", 24);
    spec.ice.password_length = 24;
    spec.path.remote_ip = IpAddress::parse("10.77.0.2")->bytes;
    spec.path.local_ip = our_ip.bytes;
    spec.path.remote_port = port;
    spec.path.local_port = static_cast<std::uint16_t>(7882 + worker);
    spec.path.remote_mac = peer_mac.bytes;
    spec.suite = abi::CryptoSuite::plaintext;
    spec.rx_extensions[static_cast<std::size_t>(abi::Extension::mid)] = mid_id;
    std::memcpy(spec.cname.data(), "sluice-test", 11);
    return spec;
}

abi::TransportSpec Harness::unvalidated_spec(std::uint64_t id) const {
    abi::TransportSpec spec = transport_spec(id, 0, 0);
    spec.flags = 0;
    spec.path = {};
    spec.suite = abi::CryptoSuite::none;
    return spec;
}

Peer Harness::add_peer(std::uint16_t port, std::uint16_t worker, srtp::Suite suite) {
    Peer peer;
    peer.address = {*IpAddress::parse("10.77.0.2"), port};
    peer.worker = worker;
    peer.transport = next_id_++;
    peer.suite = suite;
    for (std::size_t i = 0; i < 16; ++i) {
        peer.to_us.key[i] = static_cast<std::uint8_t>(port + i);
        peer.to_peer.key[i] = static_cast<std::uint8_t>(port * 7 + i);
    }
    abi::TransportSpec spec = transport_spec(peer.transport, port, worker);
    spec.suite = static_cast<abi::CryptoSuite>(suite);
    spec.rx_key = {peer.to_us.key, peer.to_us.salt, {}};
    spec.tx_key = {peer.to_peer.key, peer.to_peer.salt, {}};
    EXPECT_EQ(program(spec), abi::Status::ok);
    return peer;
}

std::uint64_t Harness::add_video_source(const Peer& publisher, std::uint32_t ssrc, std::uint32_t rtx_ssrc) {
    abi::SourceSpec spec;
    spec.id = static_cast<abi::SourceId>(next_id_++);
    spec.transport = static_cast<abi::TransportId>(publisher.transport);
    spec.generation = 1;
    spec.kind = abi::MediaKind::video;
    spec.ssrc = ssrc;
    spec.rtx_ssrc = rtx_ssrc;
    spec.flags = abi::source_nack | abi::source_pli;
    spec.payloads[0] = {96, 97, abi::CodecId::vp8, 0, 90'000};
    spec.mid[0] = '1';
    spec.mid_length = 1;
    EXPECT_EQ(program(spec), abi::Status::ok);
    return static_cast<std::uint64_t>(spec.id);
}

abi::LegSpec Harness::leg_spec(std::uint64_t id, const Peer& viewer, std::uint64_t source, std::uint32_t ssrc,
                               std::uint32_t rtx_ssrc) const {
    abi::LegSpec spec;
    spec.id = static_cast<abi::LegId>(id);
    spec.source = static_cast<abi::SourceId>(source);
    spec.transport = static_cast<abi::TransportId>(viewer.transport);
    spec.generation = 1;
    spec.kind = abi::MediaKind::video;
    spec.ssrc = ssrc;
    spec.rtx_ssrc = rtx_ssrc;
    spec.start_index = 1000;
    spec.rtx_start_index = 5000;
    spec.start_timestamp = 90'000;
    spec.clock_rate = 90'000;
    spec.mid[0] = '1';
    spec.mid_length = 1;
    spec.tx_extensions[static_cast<std::size_t>(abi::Extension::mid)] = 9;
    spec.payloads[0] = {102, 103};
    return spec;
}

std::uint64_t Harness::add_video_leg(const Peer& viewer, std::uint64_t source, std::uint32_t ssrc, std::uint32_t rtx_ssrc) {
    const std::uint64_t id = next_id_++;
    EXPECT_EQ(program(leg_spec(id, viewer, source, ssrc, rtx_ssrc)), abi::Status::ok);
    return id;
}

Frame vp8_packet(std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc, bool keyframe, std::size_t size,
                 std::uint8_t payload_type, std::span<const wire::RtpExtensionElement> extensions) {
    Frame packet(256 + size);
    const auto header = wire::write_rtp_header(packet, {payload_type, true, sequence, timestamp, ssrc}, extensions);
    EXPECT_TRUE(header.has_value());
    std::uint8_t* p = packet.data() + *header;
    for (std::size_t i = 0; i < size; ++i) p[i] = static_cast<std::uint8_t>(i * 31 + sequence);
    p[0] = 0x10;                    // S, partition 0
    p[1] = keyframe ? 0x10 : 0x11;  // P bit inverse: 0 = keyframe
    if (keyframe) {
        const std::uint8_t start[] = {0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};  // 640 x 360
        std::memcpy(p + 4, start, sizeof start);
    }
    packet.resize(*header + size);
    return packet;
}

}  // namespace sluice::test
