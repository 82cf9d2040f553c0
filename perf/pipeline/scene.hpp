// Publishers and N viewers of each on the real data plane, each viewer with an SRTP key of its own. The worker is driven
// turn by turn on the calling thread.
//
// Everything about a viewer follows from its number, so that the check of the output needs no memory of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/app/data_plane.hpp"
#include "dataplane/srtp/srtp.hpp"
#include "dataplane/wire/udp_template.hpp"

struct rte_mempool;

namespace sluice::perf {

struct SceneSpec {
    unsigned viewers = 1;  // of each publisher
    srtp::Suite suite = srtp::Suite::aead_aes_128_gcm;
    bool v6 = false;
    bool offload = true;         // of UDP checksums; a worker asks its port once
    std::size_t payload = 1200;  // RTP payload in bytes, at least 24
    srtp::Backend sealer = srtp::best_backend();
    unsigned publishers = 1;
    unsigned workers = 1;  // all of the first publisher's viewers are the first worker's, the others' are dealt out in turn
};

// What viewer `n` was programmed with; the first publisher's viewers come first.
struct Viewer {
    static constexpr std::uint64_t first_index = 1000;
    static constexpr std::uint32_t first_timestamp = 90'000;
    static constexpr std::uint8_t payload_type = 102;
    static constexpr std::uint8_t mid_id = 4;
    static constexpr char mid = '1';

    Endpoint address;
    srtp::MasterKey key;
    std::uint32_t ssrc;

    static Viewer number(std::uint32_t n, bool v6);
};

// What the publisher sent last.
struct Published {
    std::uint64_t number = 0;  // 0 for the first packet
    std::uint32_t timestamp = 0;
    bool marker = false;
    ByteView payload;
};

class Scene {
public:
    // Ends the program with a message where something is refused. `port` outlives the scene; another one may take its place.
    Scene(const SceneSpec& spec, port::PortIo& port) : Scene(spec, std::vector<port::PortIo*>{&port}) {}
    Scene(const SceneSpec& spec, const std::vector<port::PortIo*>& ports);  // of each worker
    ~Scene();
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;

    // A publisher's next packet, sealed: what the port gives to the worker next. The first one is a keyframe.
    [[nodiscard]] rte_mbuf* publish(unsigned publisher = 0);
    [[nodiscard]] Published published(unsigned publisher = 0) const noexcept;
    [[nodiscard]] std::uint64_t published_packets(unsigned publisher = 0) const noexcept {
        return publishers_[publisher].sent;
    }

    [[nodiscard]] worker::Worker& worker(std::uint16_t id = 0) noexcept { return plane_->worker(id); }
    [[nodiscard]] const abi::WorkerBlock& counters(std::uint16_t id = 0) const noexcept {
        return plane_->segment().worker(id);
    }
    [[nodiscard]] const TscClock& clock() noexcept { return worker().config().clock; }
    [[nodiscard]] const SceneSpec& spec() const noexcept { return spec_; }
    // Main's share: events are taken from the worker. Between measurements.
    void turn() { plane_->turn(0); }

private:
    template <typename Message>
    void program(Message message);
    struct Publisher {
        srtp::TxKey key;
        wire::UdpTemplate path;
        std::uint64_t sent = 0;
    };
    void add_publisher(std::uint32_t n);
    void add_viewer(std::uint32_t n);
    [[nodiscard]] std::uint16_t worker_of(std::uint32_t viewer) const noexcept {
        return static_cast<std::uint16_t>(viewer < spec_.viewers ? 0 : viewer % spec_.workers);
    }

    SceneSpec spec_;
    std::string directory_;
    std::unique_ptr<app::DataPlane> plane_;
    std::uint64_t token_ = 0;
    std::unique_ptr<srtp::Engine> engine_;  // the publishers'
    std::vector<Publisher> publishers_;
    rte_mempool* pool_ = nullptr;
    std::vector<std::uint8_t> payload_;
};

}  // namespace sluice::perf
