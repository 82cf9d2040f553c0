// The host port: where Sluice has a whole NIC, everything that is not media (ARP, neighbour discovery, ICMP, TCP, other UDP)
// goes to a kernel TAP that carries the NIC's MAC and the machine's address, and what the kernel sends there leaves by the
// NIC. So ssh and the HTTP port keep working on the machine's only NIC.
//
// Theory of operation. The TAP is persistent and made by the host's setup; this process only attaches to it. When the
// process dies the kernel keeps the interface with its addresses, routes and connections, and merely sees the carrier go.
// Workers make no system call: frames cross to main in an SPSC ring per worker, main does the TAP's I/O with a budget per
// turn, and what the kernel sends crosses to worker 0 in another ring. Frames are copied, so neither an RX mbuf waits for a
// system call, nor does a foreign mbuf enter a TX queue. When the kernel does not take frames the rings fill and the workers
// drop by name; when worker 0 does not take them, main stops reading and the TAP's own queue drops.
//
// Thread: main only; the rings' other ends belong to the workers.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "dataplane/base/mac.hpp"
#include "dataplane/base/spsc_ring.hpp"

namespace sluice::port {

struct HostFrame {
    static constexpr std::size_t capacity = 2046;
    std::uint16_t length = 0;
    std::array<std::uint8_t, capacity> bytes;
};
using HostRing = SpscRing<HostFrame>;
inline constexpr std::size_t host_ring_slots = 256;

struct HostPortCounters {
    std::uint64_t to_host = 0;    // frames that the kernel took
    std::uint64_t from_host = 0;  // frames that the kernel sent
    std::uint64_t refused = 0;    // frames that the kernel refused: the TAP is down or gone
};

class HostPort {
public:
    // The interface must exist and be a TAP. Its MAC becomes the NIC's.
    [[nodiscard]] static std::expected<std::unique_ptr<HostPort>, std::string> attach(const std::string& interface,
                                                                                      const Mac& mac);
    ~HostPort();
    HostPort(const HostPort&) = delete;
    HostPort& operator=(const HostPort&) = delete;

    // Moves what waits, at most `budget` frames a direction and ring. Never blocks.
    void turn(std::span<const std::unique_ptr<HostRing>> to_host, HostRing& from_host) noexcept;
    [[nodiscard]] const HostPortCounters& counters() const noexcept { return counters_; }

    static constexpr int budget = 64;

private:
    explicit HostPort(int fd) noexcept : fd_(fd) {}
    enum class Written : std::uint8_t { taken, refused, later };
    [[nodiscard]] Written write_frame(const HostFrame& frame) noexcept;

    int fd_;
    HostPortCounters counters_;
    HostFrame waiting_;  // popped, and not taken by the kernel yet; length 0: none
    HostFrame scratch_;
};

}  // namespace sluice::port
