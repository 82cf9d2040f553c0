// The packet rings between the planes, seen from the control plane: it consumes what the workers punt and produces what they
// inject. Neither side trusts the other: counts come from the HELLO, records are copied before they are looked at.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "controlplane/dpclient/mapping.hpp"
#include "dataplane/abi/packet_ring.hpp"

namespace sluice::dpclient {

// One thread.
class PuntRings {
public:
    // The descriptor stays the caller's.
    [[nodiscard]] static std::expected<PuntRings, std::string> map(int fd, std::uint32_t workers);

    void discard() noexcept;
    struct Drained {
        std::size_t valid = 0;
        std::size_t invalid = 0;
        bool more = false;  // the budget ended first
    };
    // Takes from all rings in turn, so that a flood of one worker or class does not starve the others.
    // `on_punt` returns false to stop at once (e.g. when it destroyed the rings' owner).
    Drained drain(std::size_t budget, const std::function<bool(const abi::PacketRecord&, ByteView)>& on_punt);
    bool inject(const abi::PacketRecord& record, ByteView datagram) noexcept;

    [[nodiscard]] std::uint32_t workers() const noexcept { return static_cast<std::uint32_t>(inject_.size()); }

private:
    struct Punt {
        abi::PacketRingConsumer ring;
        std::uint8_t worker;
        abi::PuntClass punt_class;
    };
    Mapping mapping_;
    std::vector<Punt> punt_;
    std::vector<abi::PacketRingProducer> inject_;
    std::size_t next_ = 0;
};

}  // namespace sluice::dpclient
