#include "perf/scenarios/world.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/rtp_writer.hpp"
#include "dataplane/wire/twcc.hpp"
#include "perf/lib/key_of.hpp"

namespace sluice::perf {
namespace {

constexpr Mac peer_mac{{2, 0, 0, 0, 0, 2}};
constexpr std::uint16_t media_port = 7882;
constexpr std::uint8_t audio_type = 111, video_type = 96;
constexpr std::uint8_t mid_id = 4;
constexpr unsigned rx_slots = 4096;
constexpr std::int64_t report_interval_ns = 1'000'000'000;
constexpr std::int64_t feedback_interval_ns = 100'000'000;
constexpr std::size_t headroom_for_seal = 64;

const IpAddress our_address = *IpAddress::parse("10.77.0.1");

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "scenarios: {}\n", why);
    std::exit(1);
}

Endpoint address_of(unsigned person) {
    Endpoint e{*IpAddress::parse("10.77.0.2"), static_cast<std::uint16_t>(1024 + person % 60'000)};
    e.address.bytes[14] = static_cast<std::uint8_t>(1 + person / 60'000);
    return e;
}

abi::TransportId transport_id(unsigned person) {
    return static_cast<abi::TransportId>(1 + person);
}
// `stream`: 0 is audio, 1 to 3 the layers of video.
abi::SourceId source_id(unsigned person, unsigned stream) {
    return static_cast<abi::SourceId>(1 + 4 * std::uint64_t{person} + stream);
}
std::uint32_t source_ssrc(unsigned person, unsigned stream) {
    return 0x1000'0000 + 4 * person + stream;
}

}  // namespace

std::uint16_t PeersPort::receive(rte_mbuf** frames, std::uint16_t capacity) noexcept {
    return static_cast<std::uint16_t>(rte_ring_sc_dequeue_burst(rx_, reinterpret_cast<void**>(frames), capacity, nullptr));
}

std::uint16_t PeersPort::transmit(rte_mbuf** frames, std::uint16_t count) noexcept {
    rte_pktmbuf_free_bulk(frames, count);
    return count;
}

World::World(const Scenario& scenario)
    : scenario_(scenario), engine_(srtp::make_engine(srtp::best_backend())), payload_(1500) {
    char directory[] = "/tmp/sluice-bench-XXXXXX";
    if (engine_ == nullptr || mkdtemp(directory) == nullptr) give_up("no SRTP engine, or no room below /tmp");
    directory_ = directory;
    rx_ = rte_ring_create("scenario_rx", rx_slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    pool_ = rte_pktmbuf_pool_create("scenario_peers", 2 * rx_slots - 1, 256, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    if (rx_ == nullptr || pool_ == nullptr) give_up("no memory for the peers' packets");
    port_ = std::make_unique<PeersPort>(rx_);
    const unsigned people = scenario.people();
    const unsigned sources = scenario.rooms * scenario.publishers * scenario.sources_of_one();
    config::Config conf;
    conf.dataplane.port.type = config::PortType::ring;
    conf.dataplane.port.address = our_address.to_string() + "/16";
    conf.dataplane.control_socket = directory_ + "/control.sock";
    conf.dataplane.poll = config::Poll::busy;
    // A second of each stream, within reason.
    conf.dataplane.limits = {people + 16, sources + 16, people * scenario.legs_of_one() + 16, std::max(64U, sources / 8)};
    app::Options options;
    options.watchdog_ms = 0;
    options.ports = {port_.get()};
    auto plane = app::DataPlane::create(conf, options);
    if (!plane) give_up(plane.error());
    plane_ = std::move(*plane);
    std::mt19937_64 random(7);
    for (auto& byte : payload_) byte = static_cast<std::uint8_t>(random());
    add_people();
    add_legs();
}

World::~World() {
    stop();
    plane_.reset();
    for (auto& p : people_) p->key.wipe();
    rte_ring_free(rx_);
    rte_mempool_free(pool_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

template <typename Message>
void World::program(Message message) {
    abi::finish(message, 0, 0);
    const auto result = plane_->registry().apply(bytes_of(message), ++token_);
    if (result.status != abi::Status::ok) give_up(fmt::format("the data plane refused: {}", abi::name(result.status)));
    (void)plane_->worker(0).iterate();
    if (token_ % 64 == 0) plane_->turn(0);
}

void World::add_people() {
    const unsigned in_room = scenario_.publishers + scenario_.viewers;
    std::mt19937_64 random(11);
    for (unsigned n = 0; n < scenario_.people(); ++n) {
        auto person = std::make_unique<Person>();
        const Endpoint address = address_of(n);
        abi::TransportSpec t;
        t.id = transport_id(n);
        t.flags = abi::transport_validated;
        t.suite = abi::CryptoSuite::aead_aes_128_gcm;
        t.path.remote_ip = address.address.bytes;
        t.path.remote_port = address.port;
        t.path.local_ip = our_address.bytes;
        t.path.local_port = media_port;
        t.path.remote_mac = peer_mac.bytes;
        const srtp::MasterKey to_us = key_of(2 * n), to_peer = key_of(2 * n + 1);
        t.rx_key = {to_us.key, to_us.salt, {}};
        t.tx_key = {to_peer.key, to_peer.salt, {}};
        const std::string ufrag = fmt::format("{:08}", n);
        std::copy(ufrag.begin(), ufrag.end(), t.ice.ufrag.begin());
        program(t);
        person->key.init(srtp::Suite::aead_aes_128_gcm, to_us, *engine_);
        person->path = *wire::UdpTemplate::make(
            {peer_mac, plane_->worker(0).config().mac, address, {our_address, media_port}, std::nullopt, 64, 0});
        // Nobody's clock agrees with anybody else's.
        person->next_report_ns = static_cast<std::int64_t>(random() % report_interval_ns);
        person->next_feedback_ns = static_cast<std::int64_t>(random() % feedback_interval_ns);
        if (n % in_room < scenario_.publishers) {
            for (unsigned stream = 0; stream < 4; ++stream) {
                const Stream& spec = stream == 0 ? scenario_.audio : scenario_.video[stream - 1];
                if (spec.packets_per_s == 0) continue;
                abi::SourceSpec s;
                s.id = source_id(n, stream);
                s.transport = t.id;
                s.kind = stream == 0 ? abi::MediaKind::audio : abi::MediaKind::video;
                s.ssrc = source_ssrc(n, stream);
                s.flags = stream == 0 ? 0 : abi::source_nack | abi::source_pli;
                s.payloads[0] = stream == 0 ? abi::SourcePayload{audio_type, 0xff, abi::CodecId::opus, 0, 48'000}
                                            : abi::SourcePayload{video_type, 97, abi::CodecId::vp8, 0, 90'000};
                program(s);
                const double interval = 1e9 / spec.packets_per_s;
                person->sources.push_back({s.ssrc, 0, spec.payload, stream == 0 ? audio_type : video_type, stream != 0,
                                           interval, interval * static_cast<double>(random() % 1000) / 1000, 0});
            }
        }
        people_.push_back(std::move(person));
    }
}

void World::add_legs() {
    const unsigned in_room = scenario_.publishers + scenario_.viewers;
    std::uint64_t leg_number = 0;
    const auto add = [&](unsigned viewer, unsigned publisher, unsigned stream) {
        abi::LegSpec l;
        l.id = static_cast<abi::LegId>(++leg_number);
        l.source = source_id(publisher, stream);
        l.transport = transport_id(viewer);
        l.kind = stream == 0 ? abi::MediaKind::audio : abi::MediaKind::video;
        l.ssrc = 0x4000'0000 + static_cast<std::uint32_t>(leg_number);
        l.clock_rate = stream == 0 ? 48'000 : 90'000;
        l.start_index = 1000;
        l.payloads[0] = {static_cast<std::uint8_t>(stream == 0 ? audio_type : 102), 103};
        // LiveKit's clients number their sections: no two legs of one viewer have the same MID.
        const std::string mid = std::to_string(people_[viewer]->watched.size());
        std::copy(mid.begin(), mid.end(), l.mid.begin());
        l.mid_length = static_cast<std::uint8_t>(mid.size());
        l.tx_extensions[static_cast<std::size_t>(abi::Extension::mid)] = mid_id;
        program(l);
        people_[viewer]->watched.push_back(l.ssrc);
        for (Source& s : people_[publisher]->sources) {
            if (s.ssrc == source_ssrc(publisher, stream)) ++s.legs;
        }
    };
    for (unsigned n = 0; n < people_.size(); ++n) {
        const unsigned room = n / in_room, place = n % in_room;
        if (place < scenario_.publishers && !scenario_.publishers_watch) continue;
        // The others, beginning behind oneself, so that every layer is watched by as many.
        std::vector<unsigned> others;
        for (unsigned i = 1; i <= scenario_.publishers; ++i) {
            const unsigned other = (place + i) % scenario_.publishers;
            if (other != place) others.push_back(room * in_room + other);
        }
        if (place >= scenario_.publishers && others.size() < scenario_.publishers)
            others.push_back(room * in_room + place % scenario_.publishers);
        if (scenario_.audio.packets_per_s != 0) {
            for (const unsigned other : others) add(n, other, 0);
        }
        std::size_t next = 0;
        for (unsigned layer = 0; layer < 3; ++layer) {
            for (unsigned i = 0; i < scenario_.watched[layer]; ++i) add(n, others[next++ % others.size()], layer + 1);
        }
    }
    for (int i = 0; i < 100; ++i) {
        (void)plane_->worker(0).iterate();
        plane_->turn(0);
    }
}

rte_mbuf* World::buffer() {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) ++refused_;  // the worker has them all: it is behind
    return m;
}

void World::give(rte_mbuf* frame) {
    if (rte_ring_sp_enqueue(rx_, frame) == 0) return;
    rte_pktmbuf_free(frame);
    ++refused_;
}

void World::send_media(Person& p, Source& s) {
    rte_mbuf* m = buffer();
    const std::uint64_t index = s.index++;
    if (m == nullptr) return;
    const std::size_t head = p.path.header_length();
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(m, static_cast<std::uint16_t>(head + wire::rtp_header_size + s.payload + headroom_for_seal)));
    std::uint8_t* rtp = frame + head;
    (void)wire::write_rtp_header({rtp, wire::rtp_header_size},
                                 {s.payload_type, true, static_cast<std::uint16_t>(index),
                                  static_cast<std::uint32_t>(index * (s.video ? 3000 : 960)), s.ssrc});
    if (s.video) {
        // VP8: the first packet is a keyframe, the rest is none.
        payload_[0] = 0x10;
        payload_[1] = index == 0 ? 0x10 : 0x11;
        constexpr std::uint8_t keyframe[] = {0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
        std::memcpy(payload_.data() + 4, keyframe, sizeof keyframe);
    }
    srtp::SealJob job{&p.key, rtp, wire::rtp_header_size, s.payload, payload_.data(), index, s.ssrc, 0};
    engine_->sealer().seal_rtp({&job, 1});
    p.path.stamp(frame, job.out_len);
    rte_pktmbuf_trim(m, static_cast<std::uint16_t>(m->data_len - head - job.out_len));
    m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    ++sent_;
    due_ += s.legs;
    give(m);
}

void World::send_rtcp(Person& p, std::uint8_t* packet, std::size_t size) {
    rte_mbuf* m = buffer();
    if (m == nullptr) return;
    const std::size_t sealed = engine_->sealer().seal_rtcp(p.key, packet, size, ++p.rtcp_index);
    auto* frame =
        reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, static_cast<std::uint16_t>(p.path.header_length() + sealed)));
    std::memcpy(frame + p.path.header_length(), packet, sealed);
    p.path.stamp(frame, static_cast<std::uint16_t>(sealed));
    m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    ++reports_;
    give(m);
}

// Of all streams, 31 in a packet.
void World::send_report(Person& p) {
    std::array<std::uint8_t, 1200> buffer;
    for (std::size_t at = 0; at < p.watched.size();) {
        std::array<wire::ReportBlock, 31> blocks{};
        std::size_t count = 0;
        for (; count < blocks.size() && at < p.watched.size(); ++at) blocks[count++].ssrc = p.watched[at];
        wire::RtcpWriter out({buffer.data(), buffer.size() - 32});
        if (out.receiver_report(1, {blocks.data(), count}) && out.sdes_cname(1, "scenario"))
            send_rtcp(p, buffer.data(), out.size());
    }
}

// As if a tenth of a second of packets had come, one every millisecond.
void World::send_feedback(Person& p, std::int64_t now_ns) {
    std::array<std::uint8_t, 1200> buffer;
    std::array<wire::TwccArrival, 100> arrivals;
    for (std::size_t i = 0; i < arrivals.size(); ++i)
        arrivals[i] = {p.transport_sequence++, now_ns - static_cast<std::int64_t>(arrivals.size() - i) * 1'000'000};
    const wire::TwccFeedbackWriter writer{1, p.watched.front(), p.feedback_count++};
    const auto written = writer.write({buffer.data(), buffer.size() - 32}, arrivals[0].sequence, arrivals);
    if (written) send_rtcp(p, buffer.data(), written->bytes);
}

void World::step(std::int64_t now_ns) {
    plane_->turn(0);
    const auto now = static_cast<double>(now_ns);
    for (auto& person : people_) {
        Person& p = *person;
        for (Source& s : p.sources) {
            for (; s.next_ns <= now; s.next_ns += s.interval_ns) send_media(p, s);
        }
        if (p.watched.empty()) continue;
        if (now_ns >= p.next_report_ns) {
            p.next_report_ns += report_interval_ns;
            send_report(p);
        }
        if (now_ns >= p.next_feedback_ns) {
            p.next_feedback_ns += feedback_interval_ns;
            send_feedback(p, now_ns + feedback_interval_ns);
        }
    }
}

void World::start(unsigned core) {
    worker_ = std::thread([this, core] {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
        (void)rte_thread_register();  // for the pools' caches
        plane_->worker(0).run(stop_);
        rte_thread_unregister();
    });
}

void World::stop() {
    if (!worker_.joinable()) return;
    stop_ = true;
    worker_.join();
}

}  // namespace sluice::perf
