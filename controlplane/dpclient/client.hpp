// The control plane's end of the channels between the planes: programs the data plane, keeps it programmed across restarts
// of either side, and moves punted and injected datagrams.
//
// Theory of operation. The client connects to the control socket for as long as it lives, every 50 ms. Each connection
// begins with HELLO and ends in a resync, chosen by the boot id of the data plane:
//   adopt      the first connection of this process: DUMP, on_adopt rebuilds the upper layers and fills the Program
//   reconnect  the same boot as before: only the socket was lost
//   replay     another boot: the data plane restarted; start indices come from the dead one's state segment
// and in each case everything is upserted under the next generation between SYNC_BEGIN and SYNC_END, which sweeps the rest.
// apply() takes what the Program has marked; what all callers of one turn of the loop have changed leaves together, as one
// transaction with one acknowledgement, each object once. Should the data plane refuse it, each caller's part is sent again
// by itself, so that everybody hears of his own. Made during an outage, or cut off by one, it is sent after the resync, so
// each callback is called once, in the end. A data plane that stops reading is not waited for: beyond
// `max_backlog` the connection is dropped and resynchronised, and congested() tells admission earlier.
//
// Example: Client client(io, program, {.path = "/run/sluice/control"}, {.on_punt = ...}); client.start();
//          program.upsert(spec); client.apply([](ApplyResult r) { if (!r.ok()) refuse(abi::name(r.status)); });
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/dpclient/object.hpp"
#include "controlplane/dpclient/program.hpp"
#include "controlplane/dpclient/segment_view.hpp"
#include "dataplane/abi/messages.hpp"
#include "dataplane/abi/packet_ring.hpp"
#include "dataplane/base/bytes.hpp"
#include "dataplane/base/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace sluice::dpclient {

struct ApplyResult {
    abi::Status status = abi::Status::ok;
    std::uint64_t object = 0;  // the id that failed, or 0

    [[nodiscard]] bool ok() const noexcept { return status == abi::Status::ok; }
};
using ApplyCallback = std::function<void(ApplyResult)>;

enum class ResyncKind : std::uint8_t { adopt, reconnect, replay };
[[nodiscard]] std::string_view name(ResyncKind kind) noexcept;

struct ResyncReport {
    ResyncKind kind = ResyncKind::adopt;
    std::size_t objects = 0;  // sent
    std::size_t failed = 0;   // refused; each was logged
    abi::Status sweep = abi::Status::ok;
};

struct ClientOptions {
    std::string path;  // of the control socket
    std::chrono::milliseconds retry{50};
    std::chrono::milliseconds hello_timeout{2000};
    bool force_sweep = false;            // sweep even more than 20 % of the transports
    std::size_t punt_budget = 256;       // datagrams per wake before others get their turn
    std::size_t max_backlog = 16 << 20;  // bytes
    UniqueFd old_segment;                // of the latest data plane, from the supervisor; see state_fd_from_environment()
    std::uint16_t abi_min = abi::abi_oldest;
    std::uint16_t abi_max = abi::abi_current;
};

// All optional, all called on the io thread. They may call every method of the client, and destroy it.
struct ClientHandlers {
    std::function<void(const abi::HelloReply&, ResyncKind)> on_connected;  // before the resync
    std::function<void(const ResyncReport&)> on_synced;                    // everything is applied
    std::function<void()> on_disconnected;
    // Fill the Program from the dump (Program::adopt takes all of it). Without this handler the client does so itself.
    std::function<void(const Dump&)> on_adopt;
    std::function<void(const abi::EventPath&)> on_path;
    std::function<void(const abi::EventSourceBound&)> on_source_bound;
    std::function<void(const abi::EventTransportSilent&)> on_silent;
    std::function<void(const abi::EventBye&)> on_bye;
    std::function<void(const abi::EventObservation&)> on_observation;
    // `worker` and `punt_class` are those of the ring, not what the record says. The view ends with the call.
    std::function<void(const abi::PacketRecord&, ByteView datagram)> on_punt;
    // Another control plane programs this data plane now: this process must exit.
    std::function<void()> on_fenced;
};

struct ClientCounters {
    std::uint64_t connects = 0;
    std::uint64_t disconnects = 0;
    std::uint64_t malformed = 0;      // messages that failed validation
    std::uint64_t unknown_types = 0;  // of a newer data plane; ignored
    std::uint64_t failed_acks = 0;
    std::uint64_t applies = 0;       // with changes
    std::uint64_t transactions = 0;  // that they left in
    std::uint64_t punted = 0;
    std::uint64_t punt_invalid = 0;  // ring records that failed validation
    std::uint64_t injected = 0;
    std::uint64_t inject_refused = 0;  // not connected, ring full, too long
};

// io thread only. Never blocks.
class Client {
public:
    // `program` must outlive the client.
    Client(boost::asio::io_context& io, Program& program, ClientOptions options, ClientHandlers handlers);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void start();
    // No handler is called afterwards; pending apply() callbacks are dropped.
    void stop();

    // Sends what `program` has marked, as (part of) one transaction, at the end of this turn of the loop. When one object is
    // refused the data plane still applies the others, and the Program keeps all of them: remove() what must not stay, and
    // apply() again. With nothing marked (or an open group) the answer is ok.
    void apply(ApplyCallback done = {});
    // Dropped when not connected.
    void request_keyframe(abi::SourceId source);
    // Sends a datagram through a worker (STUN answers, DTLS). False: not connected, no such worker, ring full or too long.
    bool inject(std::uint16_t worker, abi::TransportId transport, const abi::FlowAddress& to, ByteView datagram);
    // The same for the answer to a check that verified: the worker knows `to` as a flow of the transport before the answer
    // leaves, so that what the peer sends upon it (DTLS) is not a stranger's.
    bool inject_answer(std::uint16_t worker, abi::TransportId transport, const abi::FlowAddress& to, ByteView answer);

    [[nodiscard]] bool connected() const noexcept;  // HELLO is answered
    [[nodiscard]] bool synced() const noexcept;     // and the resync is done
    [[nodiscard]] bool congested() const noexcept;  // a quarter of max_backlog waits to be sent
    // Of the latest connection; all zero before the first.
    [[nodiscard]] const abi::HelloReply& hello() const noexcept;
    // Of the latest data plane, dead or alive; nullptr before the first connection.
    [[nodiscard]] const SegmentView* segment() const noexcept;
    [[nodiscard]] const ClientCounters& counters() const noexcept;

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::dpclient
