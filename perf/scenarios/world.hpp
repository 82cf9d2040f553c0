// A scenario on the real data plane: everybody programmed, each with keys of their own, and their packets and reports made
// at the rates of real time.
//
// Theory of operation. The worker runs on its own thread and core, as in the product; this class is main and all the peers,
// on another. Peers are driven in steps: each step sends what has become due since the last one, into the port's rx ring.
// What the worker sends is freed as a NIC would have it freed: at once. Nothing is opened here, the pipeline benchmark does
// that; what is counted is that everything due has left, or has a name.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/app/data_plane.hpp"
#include "dataplane/port/port_io.hpp"
#include "dataplane/srtp/srtp.hpp"
#include "perf/scenarios/scenario.hpp"

struct rte_mempool;
struct rte_ring;

namespace sluice::perf {

// Gives the worker what the peers send, and swallows what it sends.
class PeersPort final : public port::PortIo {
public:
    explicit PeersPort(rte_ring* rx) : rx_(rx) {}
    std::uint16_t receive(rte_mbuf** frames, std::uint16_t capacity) noexcept override;
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override;
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return true; }
    [[nodiscard]] bool offloads_ipv4_checksum() const noexcept override { return true; }

private:
    rte_ring* rx_;
};

class World {
public:
    // Exits with a message where something is refused.
    explicit World(const Scenario& scenario);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Sends what is due up to `now_ns`, and does what main does.
    void step(std::int64_t now_ns);
    [[nodiscard]] const abi::WorkerBlock& counters() const { return plane_->segment().worker(0); }
    [[nodiscard]] const TscClock& clock() { return plane_->worker(0).config().clock; }
    // Egress packets that the packets sent so far are to become, from when everybody has a picture.
    [[nodiscard]] std::uint64_t due() const noexcept { return due_; }
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
    [[nodiscard]] std::uint64_t reports() const noexcept { return reports_; }
    // Packets for which the rx ring had no room.
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

    void start(unsigned core);
    void stop();

private:
    struct Source {
        std::uint32_t ssrc;
        std::uint32_t legs;
        std::uint16_t payload;
        std::uint8_t payload_type;
        bool video;
        double interval_ns;
        double next_ns;
        std::uint64_t index;
    };
    struct Person {
        wire::UdpTemplate path;
        srtp::TxKey key;
        std::vector<Source> sources;
        std::vector<std::uint32_t> watched;  // SSRCs of the legs
        std::uint32_t rtcp_index = 0;
        std::int64_t next_report_ns = 0;
        std::int64_t next_feedback_ns = 0;
        std::uint16_t transport_sequence = 0;
        std::uint8_t feedback_count = 0;
    };

    template <typename Message>
    void program(Message message);
    void add_people();
    void add_legs();
    void send_media(Person& p, Source& s);
    void send_report(Person& p);
    void send_feedback(Person& p, std::int64_t now_ns);
    void send_rtcp(Person& p, std::uint8_t* packet, std::size_t size);
    [[nodiscard]] rte_mbuf* buffer();
    void give(rte_mbuf* frame);

    Scenario scenario_;
    rte_mempool* pool_ = nullptr;
    rte_ring* rx_ = nullptr;
    std::unique_ptr<PeersPort> port_;
    std::unique_ptr<srtp::Engine> engine_;
    std::unique_ptr<app::DataPlane> plane_;
    std::string directory_;
    std::vector<std::unique_ptr<Person>> people_;
    std::vector<std::uint8_t> payload_;
    std::uint64_t token_ = 0;
    std::uint64_t due_ = 0, sent_ = 0, reports_ = 0, refused_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread worker_;
};

}  // namespace sluice::perf
