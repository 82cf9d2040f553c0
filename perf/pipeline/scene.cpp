#include "perf/pipeline/scene.hpp"

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

#include "dataplane/wire/rtp_writer.hpp"
#include "perf/lib/key_of.hpp"

namespace sluice::perf {
namespace {

constexpr std::uint16_t media_port = 7882;
constexpr std::uint32_t first_publisher_ssrc = 0x8000'0000;
constexpr std::uint8_t publisher_payload_type = 96;
constexpr Mac peer_mac{{2, 0, 0, 0, 0, 2}};

IpAddress our_address(bool v6) {
    return *IpAddress::parse(v6 ? "fd77:7777::1" : "10.77.0.1");
}
IpAddress peer_address(bool v6) {
    return *IpAddress::parse(v6 ? "fd77:7777::2" : "10.77.0.2");
}

abi::FlowAddress flow_to(const Endpoint& peer, bool v6) {
    abi::FlowAddress flow;
    flow.remote_ip = peer.address.bytes;
    flow.local_ip = our_address(v6).bytes;
    flow.remote_port = peer.port;
    flow.local_port = media_port;
    flow.remote_mac = peer_mac.bytes;
    return flow;
}

abi::TransportSpec transport(std::uint64_t id, const Endpoint& peer, const SceneSpec& spec) {
    abi::TransportSpec t;
    t.id = static_cast<abi::TransportId>(id);
    t.flags = abi::transport_validated;
    t.path = flow_to(peer, spec.v6);
    t.suite = static_cast<abi::CryptoSuite>(spec.suite);
    const std::string ufrag = fmt::format("{:08}", id);
    std::copy(ufrag.begin(), ufrag.end(), t.ice.ufrag.begin());
    return t;
}

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "pipeline: {}\n", why);
    std::exit(1);
}

constexpr std::uint64_t first_publisher_id = 1;
constexpr std::uint64_t first_viewer_id = 1'000'000;

abi::SourceId source_id(std::uint32_t publisher) {
    return static_cast<abi::SourceId>(1 + publisher);
}

}  // namespace

Viewer Viewer::number(std::uint32_t n, bool v6) {
    Viewer viewer{{peer_address(v6), static_cast<std::uint16_t>(1024 + n % 60'000)}, key_of(n + 1), 0x10000 + n};
    viewer.address.address.bytes[14] = static_cast<std::uint8_t>(1 + n / 60'000);
    return viewer;
}

Scene::Scene(const SceneSpec& spec, const std::vector<port::PortIo*>& ports)
    : spec_(spec), engine_(srtp::make_engine(spec.sealer)), publishers_(spec.publishers) {
    char directory[] = "/tmp/sluice-bench-XXXXXX";
    if (engine_ == nullptr || mkdtemp(directory) == nullptr) give_up("no SRTP engine, or no room below /tmp");
    directory_ = directory;
    config::Config conf;
    conf.dataplane.port.type = config::PortType::ring;
    conf.dataplane.port.address = our_address(false).to_string() + "/16";
    conf.dataplane.port.address6 = our_address(true).to_string() + "/64";
    conf.dataplane.control_socket = directory_ + "/control.sock";
    const unsigned viewers = spec.publishers * spec.viewers;
    // Of history: the 1,024 packets of each source that its ring holds, and a quarter more.
    conf.dataplane.limits = {viewers + spec.publishers + 16, spec.publishers + 16, viewers + 16, 16 + 3 * spec.publishers};
    conf.dataplane.sealer = spec.sealer == srtp::Backend::avx512 ? config::Sealer::avx512 : config::Sealer::ipsec_mb;
    app::Options options;
    options.watchdog_ms = 0;
    options.ports = ports;
    conf.dataplane.workers = spec.workers;
    conf.dataplane.cores = fmt::format("1-{}", spec.workers);  // nothing is started there
    auto plane = app::DataPlane::create(conf, options);
    if (!plane) give_up(plane.error());
    plane_ = std::move(*plane);
    pool_ = rte_pktmbuf_pool_create("publisher", 63, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    if (pool_ == nullptr) give_up("no memory for the publisher's packets");
    payload_.resize(spec.payload);
    std::mt19937_64 random(7);
    for (auto& byte : payload_) byte = static_cast<std::uint8_t>(random());
    for (std::uint32_t n = 0; n < spec.publishers; ++n) add_publisher(n);
    for (std::uint32_t n = 0; n < viewers; ++n) add_viewer(n);
}

Scene::~Scene() {
    plane_.reset();
    for (Publisher& p : publishers_) p.key.wipe();
    rte_mempool_free(pool_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

template <typename Message>
void Scene::program(Message message) {
    abi::finish(message, 0, 0);
    const auto result = plane_->registry().apply(bytes_of(message), ++token_);
    if (result.status != abi::Status::ok) give_up(fmt::format("the data plane refused: {}", abi::name(result.status)));
    for (int i = 0; i < 2; ++i) {
        for (std::uint16_t w = 0; w < spec_.workers; ++w) worker(w).iterate();
    }
    plane_->turn(0);
}

void Scene::add_publisher(std::uint32_t n) {
    Endpoint peer{peer_address(spec_.v6), static_cast<std::uint16_t>(1024 + n)};
    const srtp::MasterKey key = key_of(~std::uint64_t{n});
    publishers_[n].key.init(spec_.suite, key, *engine_);
    publishers_[n].path = *wire::UdpTemplate::make(
        {peer_mac, worker().config().mac, peer, {our_address(spec_.v6), media_port}, std::nullopt, 64, 0});
    abi::TransportSpec t = transport(first_publisher_id + n, peer, spec_);
    t.rx_key = {key.key, key.salt, {}};
    program(t);
    abi::SourceSpec s;
    s.id = source_id(n);
    s.transport = t.id;
    s.kind = abi::MediaKind::video;
    s.ssrc = first_publisher_ssrc + n;
    s.payloads[0] = {publisher_payload_type, 97, abi::CodecId::vp8, 0, 90'000};
    program(s);
}

void Scene::add_viewer(std::uint32_t n) {
    const Viewer viewer = Viewer::number(n, spec_.v6);
    abi::TransportSpec t = transport(first_viewer_id + n, viewer.address, spec_);
    t.tx_key = {viewer.key.key, viewer.key.salt, {}};
    t.worker = worker_of(n);
    t.path.local_port = static_cast<std::uint16_t>(media_port + t.worker);
    program(t);
    abi::LegSpec l;
    l.id = static_cast<abi::LegId>(n + 1);
    l.source = source_id(n / spec_.viewers);
    l.transport = t.id;
    l.kind = abi::MediaKind::video;
    l.ssrc = viewer.ssrc;
    l.clock_rate = 90'000;
    l.start_index = Viewer::first_index;
    l.start_timestamp = Viewer::first_timestamp;
    l.payloads[0] = {Viewer::payload_type, 103};
    l.mid[0] = Viewer::mid;
    l.mid_length = 1;
    l.tx_extensions[static_cast<std::size_t>(abi::Extension::mid)] = Viewer::mid_id;
    program(l);
}

rte_mbuf* Scene::publish(unsigned publisher) {
    Publisher& from = publishers_[publisher];
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) give_up("the worker keeps the publisher's packets");
    // A VP8 payload: one-byte descriptor (start of partition 0), then the frame tag, whose lowest bit is clear in a keyframe
    // and which then names a size.
    payload_[0] = 0x10;
    payload_[1] = from.sent == 0 ? 0x10 : 0x11;
    constexpr std::uint8_t keyframe[] = {0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
    std::memcpy(payload_.data() + 4, keyframe, sizeof keyframe);
    // No two packets are alike.
    store(payload_.data() + 12, from.sent);
    ++from.sent;
    const Published now = published(publisher);
    const std::uint32_t ssrc = first_publisher_ssrc + publisher;
    const std::size_t room = wire::rtp_header_size + payload_.size() + srtp::rtp_overhead(spec_.suite);
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(m, static_cast<std::uint16_t>(from.path.header_length() + room + srtp::seal_tailroom)));
    std::uint8_t* rtp = frame + from.path.header_length();
    (void)wire::write_rtp_header(
        {rtp, wire::rtp_header_size},
        {publisher_payload_type, now.marker, static_cast<std::uint16_t>(now.number), now.timestamp, ssrc});
    srtp::SealJob job{
        &from.key, rtp, wire::rtp_header_size, static_cast<std::uint16_t>(payload_.size()), payload_.data(), now.number,
        ssrc,      0};
    engine_->sealer().seal_rtp({&job, 1});
    from.path.stamp(frame, job.out_len);
    from.path.fill_udp_checksum(frame, job.out_len);
    rte_pktmbuf_trim(m, srtp::seal_tailroom);
    return m;
}

Published Scene::published(unsigned publisher) const noexcept {
    const std::uint64_t number = publishers_[publisher].sent - 1;
    return {number, static_cast<std::uint32_t>(3000 * number), true, payload_};
}

}  // namespace sluice::perf
