// All objects that the control plane has programmed, as main knows them: the specs, the memory, the slots, and which worker
// has what.
//
// Theory of operation. An UPSERT is checked, its spec is stored, and commands go to the workers concerned; nothing that a
// worker touches is changed from here. Objects are freed when the last command that names them comes back
// (Command::garbage). A source has a view on its own worker always, and on each other worker while that has legs of it. DUMP
// reads the specs, which worker events keep up to date (learned SSRCs, switched paths).
//
// Thread: main only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataplane/abi/message_reader.hpp"
#include "dataplane/abi/messages.hpp"
#include "dataplane/control/slot_pool.hpp"
#include "dataplane/control/worker_link.hpp"
#include "dataplane/table/slab.hpp"
#include "dataplane/telemetry/segment.hpp"

namespace sluice::control {

struct RegistryLimits {
    std::uint32_t max_transports = 0;
    std::uint32_t max_sources = 0;
    std::uint32_t max_legs = 0;
    std::uint64_t blob_budget = 0;  // bytes
    bool allow_plaintext = false;
};

class Registry {
public:
    Registry(RegistryLimits limits, std::vector<WorkerLink*> workers, const telemetry::Segment& segment,
             srtp::Backend backend);
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    struct Result {
        abi::Status status = abi::Status::ok;
        std::uint64_t object = 0;
    };
    // One of the UPSERTs, REMOVE or REQUEST_KEYFRAME. Commands are sent under `token`; commands(token) counts them.
    [[nodiscard]] Result apply(ByteView record, std::uint64_t token);
    // Removes everything below `generation`.
    [[nodiscard]] Result sweep(std::uint32_t generation, bool force, std::uint64_t token);
    // Commands of this token that have not come back yet.
    [[nodiscard]] std::size_t commands(std::uint64_t token) const;
    // Collects what the workers finished; calls done(token) when the last command of a token is back.
    bool poll(const std::function<void(std::uint64_t)>& done);
    // Calls out(record) for every object, transports first, blobs last. Returns how many.
    std::uint64_t dump(const std::function<void(ByteView)>& out) const;

    // Transports are between two workers, for some turns of theirs: nothing is applied meanwhile (Status::busy).
    [[nodiscard]] bool handing_over() const noexcept { return handing_over_ != 0; }

    // Gives a worker the tap of a capture or trace, or takes it away (null).
    void observe(std::uint16_t worker, abi::ObserveKind kind, std::unique_ptr<telemetry::Tap> tap, std::uint64_t token);
    [[nodiscard]] std::uint16_t workers() const noexcept { return static_cast<std::uint16_t>(workers_.size()); }

    // From worker events.
    void path_learned(std::uint64_t transport, const abi::FlowAddress& path);
    void source_learned(std::uint64_t source, std::uint32_t ssrc, std::uint32_t rtx_ssrc);

    // Where a transport's egress goes: called when it has a path for the first time or another one, with nullptr when it is
    // gone.
    using PathObserver = std::function<void(std::uint64_t transport, const abi::FlowAddress* path)>;
    void observe_paths(PathObserver observer) { path_observer_ = std::move(observer); }
    // The next hop of a transport, if its path still leads to `destination`; and an entry of the table, on every worker.
    void set_next_hop(std::uint64_t transport, const IpAddress& destination, table::NextHopIndex next_hop);
    void update_next_hop(table::NextHopIndex next_hop, const table::NextHop& entry);

    [[nodiscard]] std::size_t transports() const noexcept { return transports_.size(); }
    [[nodiscard]] std::size_t sources() const noexcept { return sources_.size(); }
    [[nodiscard]] std::size_t legs() const noexcept { return legs_.size(); }

private:
    using Id = std::uint64_t;
    // Of commands that belong to no transaction: nobody waits for them.
    static constexpr std::uint64_t no_token = 0;
    static constexpr Id raw(auto id) noexcept { return static_cast<Id>(id); }
    struct TransportRecord {
        abi::TransportSpec spec;      // `path` is the one in use, learned or programmed
        abi::FlowAddress programmed;  // the path that the control plane asked for last
        std::uint16_t owner = 0;      // the worker that has it; spec.owner is where it shall be, 1 + that
        std::shared_ptr<table::Transport> object;
        std::unordered_set<Id> sources;
        std::unordered_set<Id> legs;
        bool wants_twcc = false;
    };
    struct ViewRecord {
        std::shared_ptr<table::SourceView> object;
        std::uint32_t legs = 0;
        std::uint32_t capacity = 0;
    };
    struct SourceRecord {
        abi::SourceSpec spec;
        std::shared_ptr<table::Source> object;
        std::uint16_t worker = 0;
        std::map<std::uint16_t, ViewRecord> views;  // by worker
        std::unordered_set<Id> legs;
    };
    struct LegRecord {
        abi::LegSpec spec;
        std::shared_ptr<table::Leg> object;
        std::uint16_t worker = 0;
    };
    struct Blob {
        abi::BlobSpec spec;
        std::vector<std::uint8_t> bytes;
    };

    Result upsert_transport(const abi::TransportSpec& spec, std::uint64_t token);
    Result upsert_source(const abi::SourceSpec& spec, std::uint64_t token);
    Result upsert_leg(const abi::LegSpec& spec, std::uint64_t token);
    Result upsert_blob(ByteView record);
    Result remove(const abi::Remove& message, std::uint64_t token);
    void remove_transport(Id id, std::uint64_t token);
    void remove_source(Id id, std::uint64_t token);
    void remove_leg(Id id, std::uint64_t token);

    std::unique_ptr<worker::Command> command(worker::Op op, std::uint64_t token) const;
    void send(std::uint16_t worker, std::unique_ptr<worker::Command> command);
    // The view of `source` on `worker`, made if need be.
    ViewRecord& view_on(SourceRecord& source, std::uint16_t worker, std::uint64_t token);
    void leave_view(SourceRecord& source, std::uint16_t worker, std::uint64_t token);
    // `fresh`: a view that has been made just now.
    void send_interest(SourceRecord& source, std::uint64_t token, const ViewRecord* fresh = nullptr);
    static void make_room(ViewRecord& view, worker::Command& c);
    void join_view(SourceRecord& source, LegRecord& leg, worker::Command& c, std::uint64_t token);
    void path_changed(Id transport, const abi::FlowAddress& path) const;
    void fill_transport(worker::Command& c, TransportRecord& record, const abi::TransportSpec& spec, bool new_keys);

    // registry_move.cpp
    // A transport that shall have another owner. Each entry of `holds` counts as a leg of the source's view on `to`.
    struct Hold {
        Id leg = 0;
        Id source = 0;
        friend bool operator==(const Hold&, const Hold&) = default;
    };
    enum class Phase : std::uint8_t { views, leaving, arriving };
    struct Moving {
        std::uint16_t to = 0;
        Phase phase = Phase::views;
        std::uint64_t token = 0;  // of what the views need
        std::uint32_t tries = 0;
        std::uint32_t pause = 0;  // polls until the next one
        std::vector<Hold> holds;
    };
    void want_owner(Id id, TransportRecord& record);
    void stay(Id id, TransportRecord& record);
    [[nodiscard]] std::vector<Hold> followed_by(const TransportRecord& record) const;
    void make_views(const TransportRecord& record, Moving& moving);
    void release(const std::vector<Hold>& holds, std::uint16_t worker);
    void advance_moves();
    void ask_to_leave(Id id, const TransportRecord& record, Moving& moving);
    void came_home(worker::Command& c);
    void has_moved(Id id, worker::Command& c);
    void lead_fragments(const TransportRecord& record, const abi::TransportSpec& next, std::uint64_t token);

    // Kept alive by what lies in them.
    struct Slabs {
        table::Slab seal_keys{sizeof(table::SealKey)};
        table::Slab open_keys{sizeof(table::OpenKey)};
        table::Slab transports{sizeof(table::Transport)};
        table::Slab legs{sizeof(table::Leg)};
    };

    RegistryLimits limits_;
    std::shared_ptr<Slabs> slabs_ = std::make_shared<Slabs>();
    std::vector<WorkerLink*> workers_;
    const telemetry::Segment& segment_;
    std::unique_ptr<srtp::Engine> engine_;  // main's own, to expand keys
    std::shared_ptr<SlotPool> transport_slots_;
    std::shared_ptr<SlotPool> source_slots_;
    std::shared_ptr<SlotPool> leg_slots_;
    std::unordered_map<Id, TransportRecord> transports_;
    std::unordered_map<Id, SourceRecord> sources_;
    std::unordered_map<Id, LegRecord> legs_;
    std::unordered_map<Id, Blob> blobs_;
    std::uint64_t blob_bytes_ = 0;
    std::unordered_map<std::uint64_t, std::size_t> under_way_;  // by token
    PathObserver path_observer_;
    std::map<Id, Moving> moving_;
    std::uint32_t handing_over_ = 0;                          // of moving_, in the phases leaving and arriving
    std::uint64_t next_move_token_ = std::uint64_t{1} << 63;  // nobody else's
    struct HeldNextHop {
        Id transport;
        IpAddress destination;
        table::NextHopIndex next_hop;
    };
    std::vector<HeldNextHop> next_hops_held_;  // until nothing is handed over
};

}  // namespace sluice::control
