// A fake: the server side of the control protocol in-process, for unit tests of what programs a data plane. It keeps objects
// in maps and owns real memfds; it forwards nothing.
//
// Theory of operation. It lives on the test's io_context. kill() is a kill -9 (sockets close, memory stays mapped at its
// peers); boot() starts a new life with a new boot id, empty maps and new memfds; drop_connections() loses only the sockets.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/dpclient/object.hpp"
#include "dataplane/abi/messages.hpp"
#include "dataplane/abi/packet_ring.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/base/bytes.hpp"

namespace boost::asio {
class io_context;
}

namespace sluice::dpclient {

struct FakeDataPlaneOptions {
    std::string path;  // of the control socket; made at boot(), removed at kill()
    std::uint32_t workers = 2;
    std::uint32_t max_transports = 64;
    std::uint32_t max_sources = 64;
    std::uint32_t max_legs = 256;
    std::uint16_t abi_min = abi::abi_oldest;
    std::uint16_t abi_max = abi::abi_current;
    // A data plane of another ABI: its TransportSpec is this much shorter (< 0) or longer (> 0) than ours.
    int transport_size_delta = 0;
    abi::PortInfo port{};
};

// io thread only.
class FakeDataPlane {
public:
    struct Received {
        abi::MessageType type = abi::MessageType::none;
        ObjectKey object;  // for upserts and removes
        std::uint32_t generation = 0;
    };
    struct Injected {
        abi::PacketRecord record;
        std::vector<std::uint8_t> datagram;
    };

    FakeDataPlane(boost::asio::io_context& io, FakeDataPlaneOptions options);
    ~FakeDataPlane();
    FakeDataPlane(const FakeDataPlane&) = delete;
    FakeDataPlane& operator=(const FakeDataPlane&) = delete;

    void boot();
    void kill();
    void drop_connections();

    // What is programmed.
    [[nodiscard]] const std::map<abi::TransportId, abi::TransportSpec>& transports() const;
    [[nodiscard]] const std::map<abi::SourceId, abi::SourceSpec>& sources() const;
    [[nodiscard]] const std::map<abi::LegId, abi::LegSpec>& legs() const;
    [[nodiscard]] const std::map<std::uint64_t, Blob>& blobs() const;
    [[nodiscard]] ByteView tail(abi::TransportId id) const;  // with transport_size_delta > 0
    // As if an earlier control plane had programmed them.
    void put(const abi::TransportSpec& spec, ByteView tail = {});
    void put(const abi::SourceSpec& spec);
    void put(const abi::LegSpec& spec);
    void put(const Blob& blob, std::uint32_t generation = 1);

    // Every programmer message since clear_received(), in order.
    [[nodiscard]] const std::vector<Received>& received() const;
    void clear_received();
    [[nodiscard]] bool programmer_connected() const;

    // Faults.
    void refuse(ObjectKey object, abi::Status status);  // every upsert of it, until accept()
    void accept(ObjectKey object);
    void hold_acks(bool hold);  // released when it ends
    void raise_epoch();         // the programmer's next message is stale
    void send_raw(ByteView record);

    // Events, stamped and sent to the programmer.
    void send(abi::EventPath event);
    void send(abi::EventSourceBound event);
    void send(abi::EventTransportSilent event);
    void send(abi::EventBye event);

    // Rings.
    bool punt(std::uint32_t worker, abi::PuntClass punt_class, abi::TransportId transport, const abi::FlowAddress& from,
              ByteView datagram);
    void wake();
    [[nodiscard]] std::optional<Injected> take_injected(std::uint32_t worker);
    [[nodiscard]] std::uint8_t* ring_memory();  // to write nonsense into

    // State segment, writable. A slot is made for each object that is programmed.
    [[nodiscard]] abi::SegmentHeader& segment();
    [[nodiscard]] abi::WorkerBlock& worker(std::uint32_t i);
    [[nodiscard]] abi::TransportSlot* slot(abi::TransportId id);
    [[nodiscard]] abi::SourceSlot* slot(abi::SourceId id);
    [[nodiscard]] abi::LegSlot* slot(abi::LegId id);
    [[nodiscard]] int segment_fd() const;
    [[nodiscard]] const std::array<std::uint8_t, 16>& boot_id() const;

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::dpclient
