// The real data plane on ring ports, driven turn by turn: frames in, frames out, counters read back. No thread, no clock of
// its own.
#pragma once

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/app/data_plane.hpp"
#include "dataplane/port/ring_port.hpp"
#include "dataplane/wire/rtcp.hpp"
#include "dataplane/wire/rtp_writer.hpp"
#include "dataplane/wire/udp_frame.hpp"
#include "dataplane/wire/udp_template.hpp"
#include "tests/component/fake_flow_pmd.hpp"

namespace sluice::test {

inline const Mac our_mac{{0x02, 0x53, 0x4c, 0x55, 0x00, 0x01}};
inline const Mac peer_mac{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}};
inline const IpAddress our_ip = *IpAddress::parse("10.77.0.1");

using Frame = std::vector<std::uint8_t>;

struct Peer {
    Endpoint address;  // of the peer
    std::uint16_t worker = 0;
    std::uint64_t transport = 0;
    srtp::Suite suite = srtp::Suite::plaintext;
    srtp::MasterKey to_us;  // what the peer seals with
    srtp::MasterKey to_peer;
    Mac mac = peer_mac;  // where its frames come from
};

// A frame as the port got it.
struct SentFrame {
    Frame bytes;
    std::uint64_t flags = 0;  // RTE_MBUF_F_TX_*
    std::uint16_t l2_length = 0;
    std::uint16_t l3_length = 0;
};

struct HarnessOptions {
    unsigned workers = 1;
    srtp::Backend backend = srtp::best_backend();
    FakeFlowPmd* device = nullptr;  // instead of ring ports; it decides which worker receives
    bool ethdev = false;            // instead of ring ports: the DPDK port that the test has made
    std::uint16_t vlan = 0;
    bool host_port = false;
    unsigned tx_slots = 4096;  // of a ring port
    std::uint32_t egress_mbps = 0;
};

class Harness {
public:
    explicit Harness(const HarnessOptions& options);
    explicit Harness(unsigned workers = 1, srtp::Backend backend = srtp::best_backend())
        : Harness(HarnessOptions{.workers = workers, .backend = backend}) {}
    ~Harness();

    // Runs every worker and main until nothing happens any more.
    void settle();
    void turn(int iterations);
    // Frames towards worker `queue`'s RX ring.
    void send_frame(const Frame& frame, unsigned queue = 0, std::uint64_t rx_flags = 0);
    void send(const Peer& peer, ByteView payload, std::optional<unsigned> queue = std::nullopt);
    // The frame that send() sends; `vlan` tags it.
    static Frame frame_of(const Peer& peer, ByteView payload, std::optional<std::uint16_t> vlan = std::nullopt);
    // Everything that the workers sent since the last call.
    std::vector<Frame> received();
    // The same with what the port was asked to do; checksums that were left to it are not filled in.
    std::vector<SentFrame> sent();
    std::vector<Frame> announcements;  // multicast frames that received() met
    // UDP payloads of what went to `peer`.
    std::vector<Frame> payloads_to(const Peer& peer, const std::vector<Frame>& frames) const;
    // The same without RTCP, which comes by time.
    std::vector<Frame> media_to(const Peer& peer, const std::vector<Frame>& frames) const;

    template <typename T>
    abi::Status program(T message) {
        abi::finish(message, 0, 0);
        const auto result = plane().registry().apply(bytes_of(message), ++token_);
        settle();
        return result.status;
    }

    [[nodiscard]] app::DataPlane& plane() noexcept { return *plane_; }
    [[nodiscard]] const app::DataPlane& plane() const noexcept { return *plane_; }
    [[nodiscard]] std::uint64_t drops(abi::DropReason reason) const;
    [[nodiscard]] std::uint64_t total_drops() const;
    [[nodiscard]] const abi::WorkerBlock& counters(unsigned worker = 0) const { return plane_->segment().worker(worker); }
    [[nodiscard]] std::uint32_t rx_mbufs_in_use() const;
    [[nodiscard]] port::HostRing& to_host(unsigned worker = 0) { return *to_host_[worker]; }
    [[nodiscard]] port::HostRing& from_host() { return *from_host_; }

    // Programs a validated transport with keys and a path; the peer's address is 10.77.0.2:`port`.
    Peer add_peer(std::uint16_t port, std::uint16_t worker = 0, srtp::Suite suite = srtp::Suite::plaintext);
    std::uint64_t add_video_source(const Peer& publisher, std::uint32_t ssrc, std::uint32_t rtx_ssrc = 0);
    std::uint64_t add_video_leg(const Peer& viewer, std::uint64_t source, std::uint32_t ssrc, std::uint32_t rtx_ssrc = 0);
    abi::TransportSpec transport_spec(std::uint64_t id, std::uint16_t port, std::uint16_t worker) const;
    // Of a peer who has not been heard of yet: the control plane knows its username fragment, and that is all.
    abi::TransportSpec unvalidated_spec(std::uint64_t id) const;
    abi::LegSpec leg_spec(std::uint64_t id, const Peer& viewer, std::uint64_t source, std::uint32_t ssrc,
                          std::uint32_t rtx_ssrc) const;

    srtp::Engine& oracle() noexcept { return *oracle_; }
    [[nodiscard]] std::string control_socket() const { return directory_ + "/control.sock"; }

private:
    bool iterate(unsigned worker);
    std::uint64_t token_ = 0;
    std::uint64_t next_id_ = 1;
    unsigned workers_;
    FakeFlowPmd* device_ = nullptr;
    std::vector<std::unique_ptr<port::HostRing>> to_host_;
    std::unique_ptr<port::HostRing> from_host_;
    rte_mempool* pool_ = nullptr;
    std::vector<rte_ring*> rx_;
    std::vector<rte_ring*> tx_;
    std::vector<std::unique_ptr<port::RingPort>> ports_;
    std::unique_ptr<app::DataPlane> plane_;
    std::unique_ptr<srtp::Engine> oracle_;
    std::string directory_;
};

// What a NIC does on its way out: fills in what was left to it. Fails the test where the data plane did not prepare it.
Frame finish_as_hardware(const SentFrame& sent);

// A VP8 packet as a publisher sends it: one-byte payload descriptor and a payload header.
Frame vp8_packet(std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc, bool keyframe, std::size_t size = 200,
                 std::uint8_t payload_type = 96, std::span<const wire::RtpExtensionElement> extensions = {});

inline constexpr std::uint8_t mid_id = 4;

}  // namespace sluice::test
