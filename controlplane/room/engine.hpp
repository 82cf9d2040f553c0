// The whole state of the control plane: sessions, rooms, the certificate. It answers WHIP and WHEP, takes what workers
// punt, decides which source each leg follows, and writes all of it into the Program, from which a restarted process
// builds it again.
//
// Theory of operation. Everything that happens is one of: an HTTP request (Backend), a message of the data plane
// (on_...), or time (tick). Each changes sessions and rooms, marks objects in the Program and ends with one apply(), so
// that the data plane sees whole changes. Which source a leg follows is recomputed for the room after each change
// (bind), never patched, so that it cannot drift.
//
// A leg, once programmed, is never removed before its session ends, only set to no source: removing it would make the
// data plane forget its packet index, and an index must never be used twice under one key.
//
// A life: POST /whip/r -> create(): transport, sources and blob are programmed, the answer goes out after the ACK ->
// STUN -> path -> DTLS -> keys -> the legs of the room's viewers follow the new sources -> DELETE -> the legs fall back
// to another publisher, or wait.
//
// Thread: the io thread. Its parts live in engine_*.cpp by subject.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/dpclient/client.hpp"
#include "controlplane/room/admission.hpp"
#include "controlplane/room/balance.hpp"
#include "controlplane/room/event_log.hpp"
#include "controlplane/room/meters.hpp"
#include "controlplane/room/overload.hpp"
#include "controlplane/room/room.hpp"
#include "controlplane/session/handshake_pool.hpp"
#include "controlplane/session/ids.hpp"
#include "controlplane/session/session.hpp"
#include "dataplane/base/endpoint.hpp"
#include "signaling/whip/whip.hpp"

namespace sluice::room {

struct EngineOptions {
    Budget budget;
    std::int64_t empty_room_ns = 60'000'000'000;  // an empty room is forgotten after this
    std::uint32_t silent_ms = 30'000;             // RFC 7675
    std::uint32_t moves_per_s = 100;              // of viewers between workers; 0 = none
    // Of our candidates; empty: what the data plane's port has.
    std::vector<IpAddress> public_addresses;
    dtls::ContextOptions dtls;
    std::size_t dtls_mtu = 1200;
    std::uint32_t certificate_days = 365;
    std::string node_id, node_region;  // for status and metrics
};

struct EngineEnvironment {
    dpclient::Program& program;
    dpclient::Client& client;
    session::HandshakePool& handshakes;
    session::Random random;
    std::function<std::int64_t()> now_ns;  // monotonic
    std::function<std::int64_t()> unix_ms;
};

struct EngineCounters {
    std::uint64_t sessions_created = 0;
    std::uint64_t sessions_connected = 0;
    std::uint64_t sessions_ended = 0;
    std::uint64_t offers_refused = 0;
    std::uint64_t ice_restarts = 0;
    std::uint64_t checks = 0;
    std::uint64_t checks_refused = 0;
    std::uint64_t punts_unknown = 0;  // for a transport that is not here
    std::uint64_t adopted = 0;
    std::uint64_t adopt_failed = 0;
    std::uint64_t source_switches = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(AdmissionReason::count)> refused{};
};

class Engine final : public whip::Backend {
public:
    using Sessions = std::map<abi::TransportId, std::unique_ptr<session::Session>>;
    using Rooms = std::map<std::string, Room, std::less<>>;

    Engine(EngineEnvironment environment, EngineOptions options);
    ~Engine() override;

    // HTTP
    void create(whip::Role role, std::string room, std::optional<whip::Auth> auth, std::string offer_sdp,
                CreateDone done) override;
    void patch(std::string session_id, std::string fragment, std::optional<std::string> if_match, PatchDone done) override;
    void remove(std::string session_id, RemoveDone done) override;

    // Data plane. on_adopt comes first and once; without it on_synced makes the certificate.
    void on_adopt(const dpclient::Dump& dump);
    void on_connected(const abi::HelloReply& hello, dpclient::ResyncKind kind);
    void on_disconnected();
    void on_punt(const abi::PacketRecord& record, ByteView datagram);
    // Handshakes got somewhere.
    void on_handshakes();
    void on_path(const abi::EventPath& event);
    void on_source_bound(const abi::EventSourceBound& event);
    void on_silent(const abi::EventTransportSilent& event);
    void on_bye(const abi::EventBye& event);
    void on_observation(const abi::EventObservation& event);

    // Time: sessions that do not get connected and who waits for events, every 20 ms or so; cheap when nothing is due.
    void tick();
    // Layers and empty rooms, every 500 ms.
    void tick_slow();
    // Rates, every second.
    void tick_meters();

    // Operators
    bool kick(abi::TransportId id, const std::string& reason);
    // Empty: on its way. Otherwise why not.
    std::string move(abi::TransportId id, std::uint16_t worker);
    void drain(bool on);
    [[nodiscard]] bool draining() const noexcept { return draining_; }
    // What new sessions get from now on; those that are here keep theirs.
    void set_options(EngineOptions options);

    // Views
    [[nodiscard]] const Sessions& sessions() const noexcept { return sessions_; }
    [[nodiscard]] const Rooms& rooms() const noexcept { return rooms_; }
    [[nodiscard]] const session::Session* find(abi::TransportId id) const;
    // The worker that serves it, or is to.
    [[nodiscard]] std::uint16_t owner_of(const session::Session& s) const;
    [[nodiscard]] const Meters& meters() const noexcept { return meters_; }
    [[nodiscard]] const Overload& overload() const noexcept { return overload_; }
    [[nodiscard]] EventLog& events() noexcept { return events_; }
    [[nodiscard]] const EngineCounters& counters() const noexcept { return counters_; }
    [[nodiscard]] const EngineOptions& options() const noexcept { return options_; }
    [[nodiscard]] const session::HandshakePool& handshakes() const noexcept { return environment_.handshakes; }
    [[nodiscard]] std::size_t joins_under_way() const noexcept { return pending_.size(); }
    [[nodiscard]] const dpclient::Client& client() const noexcept { return environment_.client; }
    [[nodiscard]] const dpclient::Program& program() const noexcept { return environment_.program; }
    [[nodiscard]] std::int64_t unix_ms() const { return environment_.unix_ms(); }
    [[nodiscard]] std::int64_t now_ns() const { return environment_.now_ns(); }
    [[nodiscard]] const std::string& fingerprint() const;  // empty before the certificate is there
    // Empty: ready. Otherwise why not.
    [[nodiscard]] std::string not_ready() const;
    // The source of this publisher's line that viewers are given.
    [[nodiscard]] abi::SourceId chosen_source(const Room& room, const session::MediaLine& line) const;

private:
    struct Published {  // a line of a connected publisher
        const session::Session* publisher;
        const session::MediaLine* line;
    };

    // What new handshakes are made with, and the blob that keeps it. A certificate that is replaced stays until no
    // handshake needs it any more.
    struct Identity {
        std::shared_ptr<dtls::Context> context;
        std::uint64_t blob = 0;
        std::string fingerprint;
    };

    // engine_certificate.cpp
    [[nodiscard]] static Identity identity(dtls::Context context, std::uint64_t blob);
    bool ensure_certificate();
    bool make_certificate();
    void renew_certificate();
    void adopt_certificates(const dpclient::Dump& dump);
    [[nodiscard]] std::shared_ptr<dtls::Context> identity_of(const session::SessionState& state);

    // engine.cpp
    [[nodiscard]] session::Session* by_resource(std::string_view resource);
    [[nodiscard]] std::vector<Endpoint> addresses(std::uint16_t worker) const;
    // engine_balance.cpp
    [[nodiscard]] std::uint16_t place(const Room* room, session::Role role);
    [[nodiscard]] std::vector<WorkerLoad> worker_loads();
    std::uint32_t& sessions_on(std::uint16_t worker);
    void set_owner(const session::Session& s, std::uint16_t worker);
    void level_workers();
    void check_moves();

    // engine.cpp
    session::Session& keep(std::unique_ptr<session::Session> s);  // in all the tables
    [[nodiscard]] Egress sending(const Room& room) const;
    [[nodiscard]] Load load(const std::string& room) const;
    Room& room_for(const std::string& name);
    void program_room(const Room& room);
    bool program_state(const session::Session& s);
    void program_keys(const session::Session& s);
    void handle(session::Session& s, session::PeerResult result);
    void connected(session::Session& s, const dtls::SrtpKeys& keys, std::vector<session::Output> last_flight);
    void inject(const session::Session& s, const std::vector<session::Output>& outputs);
    void end(abi::TransportId id, const std::string& reason);
    void apply(dpclient::ApplyCallback done = {});

    // engine_events.cpp
    void note(Room& room, const std::string& text);
    void note_node(const std::string& text);
    void note_refusal(Room& room, session::Role role, const std::string& detail);
    void note_silence(const abi::EventTransportSilent& event);
    void note_lost_events();
    void note_overload();
    void keep_events();
    void adopt_events(const dpclient::Dump& dump);

    // engine_bind.cpp
    [[nodiscard]] std::vector<Published> published(const Room& room, abi::MediaKind kind) const;
    void bind(Room& room);
    void bind_viewer(Room& room, session::Session& viewer);
    void bind_line(Room& room, session::Session& viewer, const session::MediaLine& line,
                   const std::vector<Published>& candidates, std::size_t rank);

    // engine_adopt.cpp
    void adopt_session(const dpclient::Blob& blob, const dpclient::Dump& dump);
    void adopt_room(const dpclient::Blob& blob);
    void restore_layers(Room& room);

    EngineEnvironment environment_;
    EngineOptions options_;
    std::optional<Identity> dtls_, previous_dtls_;
    Sessions sessions_;
    std::map<std::string, abi::TransportId, std::less<>> by_resource_;
    Rooms rooms_;
    Meters meters_;
    Overload overload_;
    EngineCounters counters_;
    std::vector<std::uint32_t> worker_sessions_;  // by worker that serves them
    Placements placements_;
    Balance balance_;
    struct Move {
        std::uint16_t from = 0;
        std::int64_t asked_ns = 0;
    };
    std::map<abi::TransportId, Move> moves_;  // asked for, and not seen done yet
    std::uint32_t leveled_ = 0;               // viewers moved since workers were found unequal
    Egress expected_;                     // what all rooms together send, as measured last: joins and leaves since are in it
    std::set<abi::TransportId> pending_;  // not connected yet
    std::int64_t next_timeouts_ns_ = 0;   // when those of pending_ are looked at next
    bool draining_ = false;
    EventLog events_;
    std::deque<Event> node_events_;                      // the tail that is kept
    std::uint64_t node_events_blob_ = 0;                 // its id; 0 = none yet
    bool node_events_changed_ = false;                   // since they were kept last
    std::set<std::string> rooms_with_events_;            // the same of rooms
    std::vector<std::uint64_t> lost_events_;             // by worker, as told last
    std::map<abi::TransportId, std::int64_t> moved_ms_;  // when a session's path was noted last
};

}  // namespace sluice::room
