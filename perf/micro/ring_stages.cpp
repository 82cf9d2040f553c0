// The rings between threads and processes, both ends on one core: what the code costs when no cache line has to travel.

#include <array>
#include <memory>

#include "dataplane/abi/packet_ring.hpp"
#include "dataplane/base/spsc_ring.hpp"
#include "dataplane/worker/cross_message.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

struct PuntRing {
    static constexpr std::uint32_t slots = abi::RingLayout::slots;
    struct alignas(64) Line {
        std::array<std::uint8_t, 64> bytes;
    };
    std::vector<Line> memory = std::vector<Line>(abi::packet_ring_size(slots) / sizeof(Line) + 1);
    abi::PacketRingProducer in{memory.data(), slots};
    abi::PacketRingConsumer out{memory.data(), slots};
    std::unique_ptr<abi::PacketSlot> slot = std::make_unique<abi::PacketSlot>();
};

}  // namespace

void add_ring_stages() {
    for (const std::size_t size : {100u, 1200u}) {
        stage("ring/punt_push_pop/" + std::to_string(size), {1, size}, [=] {
            return [ring = std::make_unique<PuntRing>(), datagram = Bytes(size, 0x5a)] {
                return ring->in.push({}, datagram) && ring->out.pop(*ring->slot) == abi::PacketRingConsumer::Result::ok;
            };
        });
    }
    stage("ring/cross_push_pop_1", {}, [] {
        return [ring = std::make_unique<SpscRing<worker::CrossMessage>>(4096)] {
            worker::CrossMessage message{};
            return ring->push(message) && ring->pop(message);
        };
    });
    stage("ring/cross_push_pop_32", {32, 0}, [] {
        return [ring = std::make_unique<SpscRing<worker::CrossMessage>>(4096),
                messages = std::array<worker::CrossMessage, 32>{}]() mutable {
            return ring->push_burst(messages) == 32 && ring->pop_burst(messages) == 32;
        };
    });
}

}  // namespace sluice::perf
