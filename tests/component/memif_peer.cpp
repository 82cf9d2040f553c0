// The other end of memif_test.cpp: its own process and EAL, publisher and viewers in one. Publishes VP8 packets over
// net_memif and checks that each comes back once to every viewer, in order and with its payload.
//
// Usage: memif_peer SOCKET VIEWERS PACKETS. Says "sent N received N wrong N", then lives until its stdin ends.

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/rtp.hpp"
#include "dataplane/wire/rtp_writer.hpp"
#include "dataplane/wire/udp_frame.hpp"
#include "dataplane/wire/udp_template.hpp"

namespace {

using namespace sluice;

constexpr Mac our_mac{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}};
constexpr Mac sluice_mac{{0x02, 0x53, 0x4c, 0x55, 0x00, 0x01}};
constexpr std::size_t payload_size = 900;
constexpr unsigned window = 32;  // packets under way: rings and pools are finite, and loss is what is tested for
constexpr std::uint16_t first_viewer = 6000;
constexpr std::uint16_t first_sequence = 1000;  // of every leg

std::uint8_t content(std::uint32_t packet, std::size_t at) {
    return static_cast<std::uint8_t>(at * 31 + packet * 7);
}

rte_mbuf* media(std::uint32_t n, const wire::UdpTemplate& path, rte_mempool* pool) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    if (m == nullptr) return nullptr;
    auto* frame = rte_pktmbuf_mtod(m, std::uint8_t*);
    std::uint8_t* rtp = frame + path.header_length();
    const auto header = wire::write_rtp_header({rtp, 64}, {96, true, static_cast<std::uint16_t>(n), 3000 * n, 0x1111}, {});
    std::uint8_t* payload = rtp + header.value_or(0);
    for (std::size_t i = 0; i < payload_size; ++i) payload[i] = content(n, i);
    payload[0] = 0x10;                  // VP8: start of partition 0
    payload[1] = n == 0 ? 0x10 : 0x11;  // P bit inverse: the first is a keyframe
    if (n == 0) std::memcpy(payload + 4, "\x9d\x01\x2a\x80\x02\x68\x01", 7);
    const auto size = static_cast<std::uint16_t>(header.value_or(0) + payload_size);
    path.stamp(frame, size);
    path.fill_udp_checksum(frame, size);
    m->data_len = static_cast<std::uint16_t>(path.header_length() + size);
    m->pkt_len = m->data_len;
    return m;
}

struct Counts {
    std::vector<std::uint32_t> per_viewer;
    std::uint64_t received = 0;
    std::uint64_t wrong = 0;
};

void check(const rte_mbuf* m, Counts& counts) {
    const ByteView frame{rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len};
    const auto d = wire::parse_udp_frame(frame);
    if (!d) return;  // ARP and neighbour announcements
    const ByteView payload = d->payload(frame);
    if (payload.size() < 12 || wire::is_rtcp(payload[1])) return;
    const unsigned viewer = d->destination.port - first_viewer;
    const auto rtp = wire::RtpView::parse(payload);
    if (viewer >= counts.per_viewer.size() || !rtp || !wire::udp_checksum_valid(frame, *d)) {
        ++counts.wrong;
        return;
    }
    const std::uint32_t n = counts.per_viewer[viewer]++;
    ++counts.received;
    const ByteView body = rtp->payload();
    bool right = rtp->sequence() == static_cast<std::uint16_t>(first_sequence + n) && body.size() == payload_size;
    for (std::size_t i = 16; right && i < body.size(); ++i) right = body[i] == content(n, i);
    counts.wrong += !right;
}

bool start(std::uint16_t port, rte_mempool* pool) {
    rte_eth_conf conf{};
    return rte_eth_dev_configure(port, 1, 1, &conf) == 0 && rte_eth_rx_queue_setup(port, 0, 512, 0, nullptr, pool) == 0 &&
           rte_eth_tx_queue_setup(port, 0, 512, 0, nullptr) == 0 && rte_eth_dev_start(port) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    std::string vdev = std::string("--vdev=net_memif0,role=client,id=0,socket-abstract=no,socket=") + argv[1];
    std::string prefix = "--file-prefix=memif-peer-" + std::to_string(getpid());
    const char* arguments[] = {"memif_peer",     "--no-huge",    "--no-pci",
                               "--no-shconf",    "-m",           "64",
                               "--no-telemetry", "--lcores=0@0", "--log-level=lib.eal:error",
                               vdev.c_str(),     prefix.c_str()};
    if (rte_eal_init(sizeof arguments / sizeof *arguments, const_cast<char**>(arguments)) < 0) return 2;
    const auto viewers = static_cast<unsigned>(std::atoi(argv[2]));
    const auto packets = static_cast<std::uint32_t>(std::atoi(argv[3]));
    rte_mempool* pool = rte_pktmbuf_pool_create("peer", 4095, 64, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    const std::uint16_t port = rte_eth_find_next(0);
    if (pool == nullptr || port >= RTE_MAX_ETHPORTS || !start(port, pool)) return 2;
    const auto path = wire::UdpTemplate::make({our_mac,
                                               sluice_mac,
                                               {*IpAddress::parse("10.77.0.2"), 5000},
                                               {*IpAddress::parse("10.77.0.1"), 7882},
                                               std::nullopt,
                                               64,
                                               0});
    Counts counts;
    counts.per_viewer.resize(viewers);
    std::uint32_t sent = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(50);
    while (counts.received < std::uint64_t{packets} * viewers && std::chrono::steady_clock::now() < deadline) {
        rte_eth_link link{};
        const bool up = rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
        if (up && sent < packets && sent - counts.received / viewers < window) {
            rte_mbuf* m = media(sent, *path, pool);
            if (m != nullptr && rte_eth_tx_burst(port, 0, &m, 1) == 1)
                ++sent;
            else
                rte_pktmbuf_free(m);
        }
        rte_mbuf* burst[32];
        const std::uint16_t got = rte_eth_rx_burst(port, 0, burst, 32);
        for (std::uint16_t i = 0; i < got; ++i) {
            check(burst[i], counts);
            rte_pktmbuf_free(burst[i]);
        }
        if (got == 0) usleep(50);  // two processes share the cores with all others
    }
    std::printf("sent %u received %llu wrong %llu\n", sent, static_cast<unsigned long long>(counts.received),
                static_cast<unsigned long long>(counts.wrong));
    std::fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
    (void)rte_eth_dev_stop(port);
    (void)rte_eth_dev_close(port);
    (void)rte_eal_cleanup();
    return 0;
}
