// A worker: one core, one queue pair, one UDP port, and everything that happens per packet.
//
// Theory of operation. One iteration: rx burst -> L2/L3/L4 checks -> demux by first byte (RFC 7983) -> {stun | punt | srtcp
// | srtp}; opened packets go into source views and, as one pointer, to each other worker that has legs; then messages from
// other workers, injected packets, commands, a turn of the fan-out, timers, tx flush. Run to completion, share
// nothing: other threads reach it only through SPSC rings. Nothing here allocates, locks, logs or makes a system call,
// except the PMD and the idle back-off.
//
// The stages are member functions spread over stage_*.cpp, one concept a file.
//
// Thread: constructed by main before the worker runs; run()/iterate() by the owning worker only.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/abi/packet_ring.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/base/ip_address.hpp"
#include "dataplane/base/prefix_budget.hpp"
#include "dataplane/base/spsc_ring.hpp"
#include "dataplane/base/token_bucket.hpp"
#include "dataplane/base/tsc_clock.hpp"
#include "dataplane/port/egress_pacer.hpp"
#include "dataplane/port/host_port.hpp"
#include "dataplane/port/port_io.hpp"
#include "dataplane/table/flow_table.hpp"
#include "dataplane/table/media_packet.hpp"
#include "dataplane/table/next_hop.hpp"
#include "dataplane/telemetry/tap.hpp"
#include "dataplane/wire/responder.hpp"
#include "dataplane/wire/rtcp_reports.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/rtp.hpp"
#include "dataplane/wire/stun.hpp"
#include "dataplane/wire/stun_writer.hpp"
#include "dataplane/wire/udp_frame.hpp"
#include "dataplane/worker/command.hpp"
#include "dataplane/worker/cross_message.hpp"
#include "dataplane/worker/due_queue.hpp"
#include "dataplane/worker/egress_batch.hpp"
#include "dataplane/worker/event.hpp"
#include "dataplane/worker/fragment_ring.hpp"
#include "dataplane/worker/leg_header.hpp"
#include "dataplane/worker/wake_times.hpp"

struct rte_mempool;

namespace sluice::worker {

using abi::DropReason;
using abi::Stage;

enum class PollMode : std::uint8_t { busy, adaptive };

using CrossRing = SpscRing<CrossMessage>;
using CommandRing = SpscRing<Command*>;
using EventRing = SpscRing<Event>;

// The two directions of what this worker and another exchange. Null towards itself.
struct Peer {
    CrossRing* in = nullptr;
    CrossRing* out = nullptr;
};

// What strangers may make main and the control plane do, per worker: of a class as a whole, and of one source prefix.
// A prefix gets a quarter of its class, and less than half of a punt ring in one go, so that no single network can use up
// what the others need. What is solicited draws on neither: the first checks of a transport that waits for them (who names
// its fragment was told it) and DTLS from a 5-tuple whose check verified have a rate of the transport's own, so a crowd is
// heard in proportion to the joins that were let in, also behind one NAT and beside a flood. What exceeds it is as any
// other.
struct ClassBudget {
    Rate whole;
    Rate prefix;
};
struct Budgets {
    ClassBudget stun{{20'000, 2'000}, {5'000, 250}};
    ClassBudget dtls{{20'000, 4'000}, {5'000, 250}};
    ClassBudget fragments{{4'000, 512}, {1'000, 250}};  // main has the same limit over all workers
    Rate first_checks{10, 8};                           // of one transport: a few candidate pairs, each checked twice
    Rate dtls_of_transport{20, 16};                     // two flights of two or three datagrams, repeated
};
static_assert(Budgets{}.stun.prefix.burst < abi::RingLayout::slots / 2 &&
              Budgets{}.dtls.prefix.burst < abi::RingLayout::slots / 2);

struct WorkerConfig {
    std::uint16_t id = 0;
    std::uint16_t workers = 1;
    int socket = 0;  // NUMA node, -1 any
    PollMode poll = PollMode::adaptive;
    bool answer_local = false;  // ARP, ND and ICMP are ours: there is no kernel behind the port
    std::uint16_t vlan = 0;     // of our announcements; 0: untagged
    std::uint16_t port_index = 0;
    std::uint16_t first_udp_port = 7882;
    std::uint16_t mtu = 1500;
    Mac mac;
    std::array<IpAddress, 2> addresses;  // v4, v6; unspecified = none
    std::uint32_t max_transports = 0;
    std::uint32_t max_sources = 0;
    std::uint64_t history_bytes = 0;
    srtp::Backend sealer = srtp::Backend::ipsec_mb;
    TscClock clock;
    port::PortIo* port = nullptr;
    port::EgressPacer* pacer = nullptr;  // of the port, shared with the other workers; null: as fast as it takes
    rte_mempool* tx_pool = nullptr;      // this worker's own, so that fast free is legal
    abi::WorkerBlock* counters = nullptr;
    void* stun_ring = nullptr;  // PacketRing memory, abi::RingLayout::slots each
    void* dtls_ring = nullptr;
    void* inject_ring = nullptr;
    CommandRing* commands = nullptr;         // main -> worker
    CommandRing* done = nullptr;             // worker -> main
    EventRing* events = nullptr;             // worker -> main
    rte_mempool* fragment_pool = nullptr;    // of all workers
    FragmentRing* fragments = nullptr;       // worker -> main
    ReassembledRing* reassembled = nullptr;  // main -> worker
    Budgets budgets;
    port::HostRing* to_host = nullptr;    // what is not ours; null: there is no host port
    port::HostRing* from_host = nullptr;  // worker 0 only
    std::vector<Peer> peers;              // by worker id
};

class Worker {
public:
    explicit Worker(WorkerConfig config);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // False when memory or the sealer could not be had; `why()` then says what.
    [[nodiscard]] bool valid() const noexcept { return why_ == nullptr; }
    [[nodiscard]] const char* why() const noexcept { return why_ == nullptr ? "" : why_; }

    void run(const std::atomic<bool>& stop) noexcept;
    // One turn; true if it found anything to do.
    bool iterate() noexcept;

    [[nodiscard]] const WorkerConfig& config() const noexcept { return config_; }

private:
    static constexpr std::uint16_t burst = 32;
    static constexpr std::uint16_t tx_batch = EgressBatch::size;
    static constexpr std::uint16_t tx_reserve = 32;

    // A received datagram on its way through the stages.
    struct Datagram {
        ByteView bytes;
        const wire::UdpDatagram* frame;
        table::FlowKey key;
        std::uint64_t rx_tsc;
        std::uint16_t from;  // who handed it over; this worker if nobody
        bool returned;       // by one to whom it was handed on
    };

    // look_ahead.cpp
    void look_ahead(rte_mbuf* const* frames, std::uint16_t count) const noexcept;
    static void look_ahead(const DueQueue& due) noexcept;
    static void look_ahead(const table::LegRef& ref) noexcept;
    // stage_rx.cpp
    bool stage_receive() noexcept;
    void frame_received(rte_mbuf* frame, std::uint64_t rx_tsc, std::uint16_t from, bool returned = false) noexcept;
    void not_media(ByteView frame, DropReason reason) noexcept;
    void answer_locally(ByteView frame, DropReason reason) noexcept;
    void demux(const Datagram& datagram) noexcept;
    [[nodiscard]] abi::FlowAddress flow_of(const Datagram& datagram) const noexcept;
    [[nodiscard]] bool ours(const IpAddress& address) const noexcept;
    void announce() noexcept;
    // stage_host.cpp
    void send_to_host(ByteView frame) noexcept;
    bool stage_from_host() noexcept;
    // stage_fragments.cpp
    void fragment_received(const rte_mbuf* frame, ByteView bytes) noexcept;
    bool stage_reassembled() noexcept;
    // stage_stun.cpp
    void stage_stun(const Datagram& datagram) noexcept;
    void stage_dtls(const Datagram& datagram) noexcept;
    void punt(abi::PuntClass punt_class, const table::Transport* transport, const Datagram& datagram) noexcept;
    bool stage_inject() noexcept;
    void learn_verified(const abi::PacketRecord& answer) noexcept;
    void answer_check(const wire::StunView& check, const table::IceState& ice, const Datagram& datagram) noexcept;
    // paths.cpp
    // The headers of everything that goes back along `flow`; nullopt when the addresses make no UDP path.
    [[nodiscard]] std::optional<wire::UdpTemplate> template_of(const abi::FlowAddress& flow) const noexcept;
    void learn_flow(table::Transport& t, const abi::FlowAddress& flow) noexcept;
    void switch_path(table::Transport& t, const abi::FlowAddress& flow) noexcept;
    void set_path(table::Transport& t, const abi::FlowAddress& flow) noexcept;
    bool stamp_path(table::Transport& t) noexcept;
    void follow_link(table::Transport& t, const Datagram& datagram) noexcept;
    void authenticated(table::Transport& t, const Datagram& datagram) noexcept;
    // next_hop.cpp
    void set_next_hop(const Command& c) noexcept;
    void update_next_hop(const Command& c) noexcept;
    bool stage_next_hops() noexcept;
    // stage_ingest.cpp
    void stage_rtp(const Datagram& datagram) noexcept;
    void ingest(table::Source& s, bool rtx, const wire::RtpView& rtp, const Datagram& datagram) noexcept;
    void publish(table::Source& s, table::MediaPacket* packet) noexcept;
    [[nodiscard]] table::Publishing::Binding* bind_ssrc(table::Transport& t, const wire::RtpView& rtp) noexcept;
    bool find_primary(const table::Source& s, table::MediaPacket& packet) noexcept;
    void describe(table::Source& s, table::MediaPacket& packet) noexcept;
    // stage_rtcp.cpp
    void stage_rtcp(const Datagram& datagram) noexcept;
    void report_round_trip(table::Transport& t, table::Leg& leg, const wire::ReportBlock& block) noexcept;
    void sender_report(table::Transport& t, std::uint32_t ssrc, std::uint64_t ntp, std::uint32_t rtp_ts) noexcept;
    [[nodiscard]] static table::Leg* leg_of(table::Transport& t, std::uint32_t ssrc) noexcept;
    // stage_fanout.cpp
    bool stage_fanout() noexcept;
    [[nodiscard]] bool fan_out(table::SourceView& view, std::uint32_t& budget) noexcept;
    [[nodiscard]] std::uint32_t walk(table::SourceView& view, std::uint32_t quota) noexcept;
    [[nodiscard]] bool prepare(const table::LegRef& ref, const table::MediaPacket& packet, const LegHeader& header,
                               rte_mbuf* mbuf) noexcept;
    [[nodiscard]] bool join_in(table::Leg& leg, const table::Transport& t, const table::MediaPacket& packet) noexcept;
    void seal_batch() noexcept;
    void unsend(table::Leg& leg, table::Transport& t, const srtp::SealJob& job, std::uint16_t frame_bytes) noexcept;
    [[nodiscard]] std::uint16_t egress_room() noexcept;
    void publish(table::Leg& leg, table::Transport& t) noexcept;
    void keyframe_wanted(table::Leg& leg) noexcept;
    void request_keyframe(table::SourceView& view) noexcept;
    // stage_catch_up.cpp
    void start_leg(table::Leg& leg) noexcept;
    void start_legs(table::Transport& t) noexcept;
    void peer_has_keys(table::Transport& t) noexcept;
    [[nodiscard]] bool begin_catch_up(table::Leg& leg, const table::SourceView& view) noexcept;
    void enlist(table::Leg& leg) noexcept;
    void end_catch_up(table::Leg& leg) noexcept;
    void miss_replay(table::Leg& leg) noexcept;
    [[nodiscard]] static std::uint64_t level_of(const table::Leg& leg) noexcept;
    [[nodiscard]] std::uint32_t catch_up_leg(table::Leg& leg) noexcept;
    void catch_up(std::uint32_t budget) noexcept;
    // stage_repair.cpp
    void resend(table::Leg& leg, std::uint16_t sequence) noexcept;
    // stage_cross.cpp
    bool stage_cross() noexcept;
    void cross_message(const CrossMessage& m, std::uint16_t from) noexcept;
    void view_packet(table::SourceView& view, table::MediaPacket* packet) noexcept;
    // stage_move.cpp
    [[nodiscard]] std::uint16_t port_worker(std::uint16_t local_port) const noexcept;
    [[nodiscard]] static std::uint64_t next_order(const table::Leg& leg) noexcept;
    [[nodiscard]] static bool in_stream(const table::Leg& leg) noexcept;
    [[nodiscard]] bool may_leave(const Move& m) noexcept;
    void move_out(Move& m) noexcept;
    void take_over(Move& m) noexcept;
    void move_in(const Move& m) noexcept;
    void resume(table::Leg& leg, std::uint64_t order, bool replaying) noexcept;
    bool locate(table::Leg& leg) noexcept;
    [[nodiscard]] static Reach reach_of(const table::Transport& t) noexcept;
    void lead(const Reach& reach, std::uint16_t owner) noexcept;
    void forget(const Reach& reach, std::uint16_t owner) noexcept;
    bool tell_port(const table::FlowKey& key, bool lost) noexcept;
    [[nodiscard]] bool may_tell_port(const table::FlowKey& key) const noexcept;
    void elsewhere(const Datagram& datagram, std::optional<std::uint16_t> owner, DropReason reason) noexcept;
    // stage_commands.cpp
    bool stage_commands() noexcept;
    void list(table::Transport& t) noexcept;
    void unlist(table::Transport& t) noexcept;
    void apply(Command& c) noexcept;
    void install_transport(Command& c) noexcept;
    void update_transport(Command& c) noexcept;
    void remove_transport(table::Transport& t) noexcept;
    void install_source(Command& c) noexcept;
    void update_source(Command& c) noexcept;
    void remove_source(table::Source& s) noexcept;
    static void grow(table::SourceView& view, Command& c) noexcept;
    void attach(table::Leg& leg, Command& c) noexcept;
    void detach(table::Leg& leg) noexcept;
    void apply_leg_spec(table::Leg& leg, const abi::LegSpec& spec) noexcept;
    void bind(table::Transport& t, table::Source& s, std::uint32_t ssrc, bool rtx) noexcept;
    void unbind(table::Transport& t, const table::Source& s) noexcept;
    // events.cpp
    void report_path(table::Transport& t) noexcept;
    void report_bound(table::Source& s) noexcept;
    void report_again() noexcept;
    // stage_feedback.cpp
    void wake(const table::Transport& publisher, std::int64_t at_ns) noexcept;
    void source_started(table::Transport& t) noexcept;
    void keyframe_requested(table::Source& s) noexcept;
    void packet_noted(table::Transport& t, table::Source& s, std::int64_t index) noexcept;
    void arrival_noted(table::Transport& t, std::uint16_t transport_sequence) noexcept;
    // At most `budget` of those that are due; true if the round is not over.
    bool serve_publishers(std::uint32_t budget) noexcept;
    // Says when the next is due.
    [[nodiscard]] std::int64_t give_feedback(table::Transport& t, table::Publishing& p) noexcept;
    void write_report(table::Transport& t, table::Publishing& p, wire::RtcpWriter& out) noexcept;
    void write_nack(table::Transport& t, table::Source& s, wire::RtcpWriter& out) noexcept;
    void write_keyframe_request(table::Transport& t, table::Source& s, wire::RtcpWriter& out) noexcept;
    void send_arrivals(table::Transport& t, table::Publishing& p) noexcept;
    // stage_timers.cpp
    void tick() noexcept;
    bool stage_timers() noexcept;
    void shed_history() noexcept;
    void viewer_timers(table::Transport& t) noexcept;
    // egress.cpp
    void send_mbuf(table::Transport& t, rte_mbuf* mbuf, std::uint16_t udp_payload) noexcept;
    void send_datagram(const wire::UdpTemplate& path, ByteView payload) noexcept;
    void send_rtcp(table::Transport& t, ByteView plaintext) noexcept;
    void queue_tx(rte_mbuf* mbuf) noexcept;
    void flush_tx() noexcept;
    // The headers and lengths of a frame whose payload is still to come; finish_checksum() when it is there.
    void start_udp(const wire::UdpTemplate& path, rte_mbuf* mbuf, std::uint16_t udp_payload) noexcept;
    void finish_udp(const wire::UdpTemplate& path, rte_mbuf* mbuf, std::uint16_t udp_payload) noexcept;
    // observe.cpp: only while somebody looks
    [[nodiscard]] const table::Transport* subject_of(const table::FlowKey& key, ByteView payload) const noexcept;
    [[nodiscard]] bool goes_elsewhere(const table::FlowKey& key, ByteView payload) const noexcept;
    void capture_received(ByteView frame, std::uint16_t from) noexcept;
    void capture_sending() noexcept;
    void capture_sent(std::uint16_t sent) noexcept;
    void capture_opened(const table::Transport& t, const Datagram& datagram, ByteView plaintext) noexcept;
    void capture_plaintext(const table::Transport& t, abi::Direction direction, const wire::UdpTemplate& path, ByteView head,
                           ByteView rest) noexcept;
    void observe_sealing(const EgressBatch& batch, std::uint16_t count) noexcept;
    void trace_out(abi::TransportId transport, abi::TraceKind kind, std::uint64_t object,
                   const std::array<std::uint32_t, abi::trace_values>& values, const abi::FlowAddress* flow) noexcept;
    void trace_drop(const table::Transport* t, DropReason reason, std::uint64_t count) noexcept;
    void trace_unsent(const rte_mbuf* mbuf) noexcept;
    void trace(abi::TransportId transport, abi::TraceKind kind, std::uint64_t object = 0,
               const std::array<std::uint32_t, abi::trace_values>& values = {},
               const abi::FlowAddress* flow = nullptr) noexcept {
        if (trace_ != nullptr) [[unlikely]]
            trace_out(transport, kind, object, values, flow);
    }

    void drop(DropReason reason, std::uint64_t count = 1) noexcept {
        counters_->drops[static_cast<std::size_t>(reason)] += count;
        if (trace_ != nullptr) [[unlikely]]
            trace_drop(subject_, reason, count);
    }
    // On the way to `t`.
    void drop(const table::Transport& t, DropReason reason, std::uint64_t count = 1) noexcept {
        counters_->drops[static_cast<std::size_t>(reason)] += count;
        if (trace_ != nullptr) [[unlikely]]
            trace_drop(&t, reason, count);
    }
    static void count_log2(std::uint64_t (&histogram)[abi::histogram_slots], std::uint64_t value,
                           std::uint64_t times) noexcept {
        const auto slot = static_cast<std::size_t>(std::bit_width(value));
        histogram[slot < abi::histogram_slots ? slot : abi::histogram_slots - 1] += times;
    }
    // False, and counted, when main is behind: the caller sends again what must not be lost.
    [[nodiscard]] bool emit(const Event& event) noexcept {
        if (config_.events->push(event)) return true;
        ++counters_->events_lost;
        return false;
    }
    // With few legs and peers the state segment shows every packet at once; with many it would cost cache lines that nothing
    // else touches.
    [[nodiscard]] bool exact_counters() const noexcept {
        constexpr std::uint32_t few = 256;
        return counters_->legs <= few && transports_.size() <= few;
    }
    [[nodiscard]] std::int64_t unix_ns() const noexcept { return config_.clock.to_unix_ns(now_ns_); }
    // Counts a stage's cycles from construction to destruction.
    struct StageTimer;

    WorkerConfig config_;
    const char* why_ = nullptr;
    abi::WorkerBlock* counters_;
    std::unique_ptr<srtp::Engine> engine_;
    table::HistoryPool history_;
    table::TransportTable table_;
    abi::PacketRingProducer stun_out_;
    abi::PacketRingProducer dtls_out_;
    abi::PacketRingConsumer inject_in_;
    TokenBucket stun_budget_;
    TokenBucket dtls_budget_;
    TokenBucket fragment_budget_;
    PrefixBudget stun_prefixes_;
    PrefixBudget dtls_prefixes_;
    PrefixBudget fragment_prefixes_;
    TokenBucket local_budget_{1'000, 200};
    // Of the host port: its system calls share main with the control socket. A broadcast storm must not starve ssh.
    TokenBucket host_budget_{20'000, 2'000};
    TokenBucket host_group_budget_{2'000, 500};
    bool events_owed_ = false;  // a transport or source has `unreported` set

    std::int64_t now_ns_ = 0;       // of this iteration
    std::int64_t unix_now_ns_ = 0;  // the same, for the fan-out
    std::uint32_t now_ms_ = 0;
    std::uint64_t iteration_tsc_ = 0;
    std::int64_t next_tick_ns_ = 0;
    std::int64_t next_announcement_ns_ = 0;
    std::uint8_t announcements_ = 0;
    std::uint32_t timer_cursor_ = 0;
    std::uint32_t viewers_left_ = 0;  // to look at since the tick
    std::uint32_t shed_cursor_ = 0;
    std::uint16_t port_ = 0;  // the UDP port of this worker
    wire::HostIdentity identity_;

    std::vector<table::Transport*> transports_;  // reserved once
    std::vector<table::Transport*> publishers_;  // reserved once
    WakeTimes publisher_times_;                  // of each of them
    table::RtcpWindowPool rtcp_window_pool_;
    std::vector<table::Source*> sources_;    // by slot
    std::vector<table::SourceView*> views_;  // by slot
    DueQueue due_;
    table::Leg* catching_ = nullptr;  // whose turn it is, in a ring through Leg::catch_next
    std::int64_t next_catch_up_ns_ = 0;
    EgressBatch batch_;
    std::array<LegHeader, table::FormatTable::size + 1> headers_;  // of the packet at hand, by format; the last: of one leg
    table::NextHopTable next_hops_{};
    std::size_t restamp_left_ = 0;  // transports_[0, this) may still have headers from before an entry changed
    // The fan-out uses the first tx_batch of them: when the port is full, reports and answers still find room.
    std::array<rte_mbuf*, tx_batch + tx_reserve> tx_{};
    std::uint16_t tx_count_ = 0;
    std::array<std::uint8_t, 2048> rtcp_plain_{};   // the compound that stage_rtcp reads
    std::array<std::uint8_t, 2048> rtx_payload_{};  // original sequence number and payload
    abi::PacketSlot inject_slot_;
    port::HostFrame host_frame_;
    std::uint64_t tx_flags4_ = 0;  // what the port fills in: RTE_MBUF_F_TX_*
    std::uint64_t tx_flags6_ = 0;
    bool udp_checksum_offload_ = false;

    std::unique_ptr<telemetry::Tap> capture_;  // null: nobody looks
    std::unique_ptr<telemetry::Tap> trace_;
    rte_mbuf* frame_ = nullptr;                  // the received one at hand; null when it is another worker's now
    const table::Transport* subject_ = nullptr;  // of the received datagram at hand, while there is a trace
};

struct Worker::StageTimer {
    StageTimer(Worker& w, Stage stage) noexcept
        : counters_(w.counters_->stages[static_cast<std::size_t>(stage)]), start_(TscClock::ticks()) {}
    ~StageTimer() {
        counters_.cycles += TscClock::ticks() - start_;
        ++counters_.calls;
        counters_.packets += packets;
    }
    StageTimer(const StageTimer&) = delete;
    StageTimer& operator=(const StageTimer&) = delete;
    std::uint64_t packets = 0;

private:
    abi::StageCounters& counters_;
    std::uint64_t start_;
};

}  // namespace sluice::worker
