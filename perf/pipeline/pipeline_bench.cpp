// The pipeline benchmark: one publisher to N viewers through the real worker, each viewer with a key of its own, real
// sealing, on a port that swallows packets. Prints ns and TSC cycles per egress packet and Gbit/s per core.
//
// Method: slices of at least a millisecond. The port sees every burst of 64 packets leave; a gap of more than 20 us between
// two of them means that somebody else had the core, and the slice is dropped. More than a quarter dropped: the row says
// tainted.

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "dataplane/app/data_plane.hpp"
#include "dataplane/port/eal.hpp"
#include "dataplane/wire/rtp_writer.hpp"
#include "dataplane/wire/udp_template.hpp"

namespace {

using namespace sluice;

constexpr std::uint64_t gap_ns = 20'000;

class NullPort final : public port::PortIo {
public:
    explicit NullPort(bool offload) : offload_(offload) {}
    std::uint16_t receive(rte_mbuf** frames, std::uint16_t) noexcept override {
        if (next == nullptr) return 0;
        frames[0] = std::exchange(next, nullptr);
        return 1;
    }
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override {
        const std::uint64_t now = TscClock::ticks();
        if (last_ != 0 && now - last_ > gap_cycles) gap_seen = true;
        last_ = now;
        packets += count;
        for (std::uint16_t i = 0; i < count; ++i) bytes += frames[i]->pkt_len;
        // A finite NIC ring: what was sent is freed when the ring comes round, so the working set is the ring's.
        for (std::uint16_t i = 0; i < count; ++i) {
            rte_mbuf*& slot = ring_[head_++ % ring_size];
            if (slot != nullptr) rte_pktmbuf_free(slot);
            slot = frames[i];
        }
        return count;
    }
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return offload_; }
    void forget() noexcept {
        last_ = 0;
        gap_seen = false;
    }
    // The next burst follows a pause of ours, not somebody else's.
    void forget_position() noexcept { last_ = 0; }
    void drain() noexcept {
        for (rte_mbuf*& slot : ring_) {
            if (slot != nullptr) rte_pktmbuf_free(slot);
            slot = nullptr;
        }
    }

    static constexpr std::size_t ring_size = 512;
    rte_mbuf* next = nullptr;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t gap_cycles = 0;
    bool gap_seen = false;

private:
    bool offload_;
    std::uint64_t last_ = 0;
    std::uint64_t head_ = 0;
    std::array<rte_mbuf*, ring_size> ring_{};
};

struct Row {
    unsigned viewers;
    std::string suite;
    std::string family;
    std::string checksum;
    double ns = 0;
    double cycles = 0;
    double gbits = 0;
    std::size_t slices = 0;
    std::size_t dropped = 0;
};

struct Case {
    unsigned viewers;
    srtp::Suite suite;
    bool v6;
    bool offload;
};

abi::FlowAddress flow(bool v6, std::uint32_t n) {
    abi::FlowAddress f;
    IpAddress remote = *IpAddress::parse(v6 ? "fd77:7777::2" : "10.77.0.2");
    remote.bytes[14] = static_cast<std::uint8_t>(n >> 16);
    f.remote_ip = remote.bytes;
    f.local_ip = IpAddress::parse(v6 ? "fd77:7777::1" : "10.77.0.1")->bytes;
    f.remote_port = static_cast<std::uint16_t>(1024 + n % 60'000);
    f.local_port = 7882;
    f.remote_mac = {2, 0, 0, 0, 0, 2};
    return f;
}

Row run(const Case& c, std::size_t payload_size, int milliseconds, rte_mempool* pool) {
    static int serial = 0;
    char directory[] = "/tmp/sluice-bench-XXXXXX";
    (void)!mkdtemp(directory);
    NullPort port(c.offload);
    config::Config conf;
    conf.dataplane.port.type = config::PortType::ring;
    conf.dataplane.port.address = "10.77.0.1/24";
    conf.dataplane.port.address6 = "fd77:7777::1/64";
    conf.dataplane.control_socket = fmt::format("{}/{}.sock", directory, serial++);
    conf.dataplane.limits = {c.viewers + 16, 16, c.viewers + 16, 16};
    app::Options options;
    options.allow_plaintext = true;
    options.watchdog_ms = 0;
    options.ports = {&port};
    auto plane = app::DataPlane::create(conf, options);
    if (!plane) {
        fmt::print(stderr, "{}\n", plane.error());
        std::exit(1);
    }
    worker::Worker& w = (*plane)->worker(0);
    const TscClock clock = w.config().clock;
    port.gap_cycles = clock.ticks_of_ns(gap_ns);
    std::uint64_t token = 0;
    const auto program = [&](auto message) {
        abi::finish(message, 0, 0);
        const auto r = (*plane)->registry().apply(bytes_of(message), ++token);
        if (r.status != abi::Status::ok) {
            fmt::print(stderr, "refused: {}\n", abi::name(r.status));
            std::exit(1);
        }
        for (int i = 0; i < 2; ++i) w.iterate();
        (*plane)->turn(0);
    };
    const auto transport = [&](std::uint64_t id, bool v6, srtp::Suite suite) {
        abi::TransportSpec t;
        t.id = static_cast<abi::TransportId>(id);
        t.flags = abi::transport_validated;
        t.path = flow(v6, static_cast<std::uint32_t>(id));
        t.suite = static_cast<abi::CryptoSuite>(suite);
        for (std::size_t i = 0; i < 16; ++i) t.tx_key.key[i] = static_cast<std::uint8_t>(id >> (i % 4 * 8));
        const std::string ufrag = fmt::format("{:08}", id);
        std::copy(ufrag.begin(), ufrag.end(), t.ice.ufrag.begin());
        program(t);
    };
    transport(1, false, srtp::Suite::plaintext);
    abi::SourceSpec s;
    s.id = abi::SourceId{1};
    s.transport = abi::TransportId{1};
    s.kind = abi::MediaKind::video;
    s.ssrc = 0x1111;
    s.payloads[0] = {96, 97, abi::CodecId::vp8, 0, 90'000};
    program(s);
    for (std::uint64_t i = 0; i < c.viewers; ++i) {
        transport(100 + i, c.v6, c.suite);
        abi::LegSpec l;
        l.id = static_cast<abi::LegId>(i + 1);
        l.source = s.id;
        l.transport = static_cast<abi::TransportId>(100 + i);
        l.kind = abi::MediaKind::video;
        l.ssrc = static_cast<std::uint32_t>(0x10000 + i);
        l.clock_rate = 90'000;
        l.payloads[0] = {102, 103};
        l.mid[0] = '1';
        l.mid_length = 1;
        l.tx_extensions[0] = 4;
        program(l);
    }
    std::uint16_t sequence = 0;
    const auto path = *wire::UdpTemplate::make({Mac{{2, 0, 0, 0, 0, 2}},
                                                w.config().mac,
                                                {*IpAddress::parse("10.77.0.2"), 1025},
                                                {*IpAddress::parse("10.77.0.1"), 7882},
                                                std::nullopt,
                                                64,
                                                0});
    const auto offer = [&](bool keyframe) {
        rte_mbuf* m = rte_pktmbuf_alloc(pool);
        const auto size = static_cast<std::uint16_t>(12 + payload_size);
        auto* frame =
            reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, static_cast<std::uint16_t>(path.header_length() + size)));
        std::uint8_t* rtp = frame + path.header_length();
        (void)wire::write_rtp_header({rtp, 12}, {96, true, sequence, 3000u * sequence, 0x1111});
        rtp[12] = 0x10;
        rtp[13] = keyframe ? 0x10 : 0x11;
        rtp[16] = 0x9d, rtp[17] = 0x01, rtp[18] = 0x2a;
        path.stamp(frame, size);
        path.fill_udp_checksum(frame, size);
        ++sequence;
        port.next = m;
    };
    offer(true);
    w.iterate();
    Row row{c.viewers, std::string(srtp::to_string(c.suite)), c.v6 ? "IPv6" : "IPv4", c.offload ? "offload" : "software"};
    std::vector<double> cycles;
    const std::uint64_t slice = clock.ticks_of_ns(1'000'000);
    const std::int64_t end = clock.now_ns() + std::int64_t{milliseconds} * 1'000'000;
    double bytes_per_packet = 0;
    while (clock.now_ns() < end) {
        port.forget();
        const std::uint64_t before = port.packets;
        const std::uint64_t bytes = port.bytes;
        std::uint64_t spent = 0;
        while (spent < slice) {
            offer(false);
            const std::uint64_t start = TscClock::ticks();
            w.iterate();
            spent += TscClock::ticks() - start;
            port.forget_position();
        }
        const double packets = static_cast<double>(port.packets - before);
        ++row.slices;
        if (port.gap_seen || packets == 0) {
            ++row.dropped;
            continue;
        }
        bytes_per_packet = static_cast<double>(port.bytes - bytes) / packets;
        cycles.push_back(static_cast<double>(spent) / packets);
    }
    if (!cycles.empty()) {
        std::nth_element(cycles.begin(), cycles.begin() + static_cast<std::ptrdiff_t>(cycles.size() / 2), cycles.end());
        row.cycles = cycles[cycles.size() / 2];
        row.ns = row.cycles * 1e9 / static_cast<double>(clock.hz());
        row.gbits = bytes_per_packet * 8 / row.ns;
    }
    port.drain();
    plane->reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    return row;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App cli("Pipeline benchmark: 1 publisher to N viewers, ns and cycles per egress packet.");
    bool json = false;
    bool quick = false;
    std::size_t size = 1200;
    cli.add_flag("--json", json);
    cli.add_flag("--quick", quick, "fewer rows, shorter runs");
    cli.add_option("--size", size, "RTP payload in bytes")->check(CLI::Range(20, 1200));
    CLI11_PARSE(cli, argc, argv);
    const char* arguments[] = {"pipeline",       "--no-pci",     "--in-memory",
                               "--no-telemetry", "--lcores=0@0", "--log-level=lib.eal:error"};
    const char* without[] = {"pipeline",       "--no-pci",     "--no-huge",
                             "--no-shconf",    "-m",           "512",
                             "--no-telemetry", "--lcores=0@0", "--log-level=lib.eal:error"};
    bool hugepages = port::free_hugepages_mb() >= 128;
    if ((hugepages ? rte_eal_init(std::size(arguments), const_cast<char**>(arguments))
                   : rte_eal_init(std::size(without), const_cast<char**>(without))) < 0) {
        return 1;
    }
    rte_mempool* pool = rte_pktmbuf_pool_create("offer", 255, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    std::vector<Case> cases;
    for (const unsigned n : {1u, 10u, 100u, 1000u, 10'000u})
        cases.push_back({n, srtp::Suite::aead_aes_128_gcm, false, true});
    if (!quick) {
        for (const unsigned n : {1u, 100u, 1000u}) cases.push_back({n, srtp::Suite::aes_cm_128_hmac_sha1_80, false, true});
        cases.push_back({1000, srtp::Suite::aead_aes_128_gcm, true, true});
        cases.push_back({1000, srtp::Suite::aead_aes_128_gcm, false, false});
        cases.push_back({1000, srtp::Suite::aead_aes_128_gcm, true, false});
    }
    std::vector<Row> rows;
    for (const Case& c : cases) {
        rows.push_back(run(c, size, quick ? 300 : 2000, pool));
        if (!json) fmt::print(stderr, "\r{} of {} rows", rows.size(), cases.size());
    }
    if (json) {
        fmt::print("{{\"version\":1,\"benchmark\":\"pipeline\",\"payload_bytes\":{},\"hugepages\":{},\"rows\":[", size,
                   hugepages);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Row& r = rows[i];
            fmt::print(
                "{}{{\"viewers\":{},\"suite\":\"{}\",\"family\":\"{}\",\"checksum\":\"{}\",\"ns_per_packet\":{:.1f},"
                "\"cycles_per_packet\":{:.1f},"
                "\"gbit_per_s\":{:.2f},\"slices\":{},\"dropped_slices\":{},\"tainted\":{}}}",
                i ? "," : "", r.viewers, r.suite, r.family, r.checksum, r.ns, r.cycles, r.gbits, r.slices, r.dropped,
                r.dropped * 4 > r.slices);
        }
        fmt::print("]}}\n");
    } else {
        fmt::print(stderr, "\n");
        fmt::print("{:>8} {:>24} {:>5} {:>9} {:>9} {:>9} {:>8} {:>8}\n", "viewers", "suite", "ip", "checksum", "ns/pkt",
                   "cyc/pkt", "Mpps", "Gbit/s");
        for (const Row& r : rows) {
            if (r.ns == 0) {
                fmt::print("{:>8} {:>24} {:>5} {:>9}   no clean slice: the core was never ours for a millisecond\n",
                           r.viewers, r.suite, r.family, r.checksum);
                continue;
            }
            fmt::print("{:>8} {:>24} {:>5} {:>9} {:>9.1f} {:>9.0f} {:>8.2f} {:>8.1f}{}\n", r.viewers, r.suite, r.family,
                       r.checksum, r.ns, r.cycles, r.ns > 0 ? 1000.0 / r.ns : 0, r.gbits,
                       r.dropped * 4 > r.slices ? "  tainted" : "");
        }
    }
    rte_mempool_free(pool);
    (void)rte_eal_cleanup();
    return 0;
}
