// The WHIP and WHEP backend: joins, trickle and ICE restarts, leaves.
#include <algorithm>
#include <utility>

#include "controlplane/core/log.hpp"
#include "controlplane/room/engine.hpp"
#include "controlplane/session/negotiate.hpp"
#include "signaling/sdp/trickle.hpp"

namespace sluice::room {

using session::Session;

namespace {

whip::Refusal unknown_session() {
    return {404, "Not Found", "no such session; it may have ended", std::nullopt};
}

// Until the data plane has told what it holds, a session that this process does not know may well be alive.
whip::Refusal unknown_session(const std::string& not_ready) {
    return not_ready.empty() ? unknown_session() : whip::Refusal{503, "Not Ready", not_ready, 1};
}

// On the wire (see dataplane/port/egress_pacer.hpp): what the counters of workers leave out of a frame, and those of sources
// of a packet. 24 bytes of Ethernet; and its header, IPv4's and UDP's.
constexpr double bits_around_frame = 8 * 24;
constexpr double bits_around_payload = 8 * (24 + 14 + 20 + 8);

}  // namespace

Egress Engine::sending(const Room& room) const {
    Egress egress;
    for (const abi::MediaKind kind : {abi::MediaKind::audio, abi::MediaKind::video}) {
        const auto lines = published(room, kind);
        if (lines.empty()) continue;
        const SourceRate rate = meters_.source(chosen_source(room, *lines.front().line));
        egress.add({rate.bps, rate.packets_per_s}, 1);
    }
    return egress;
}

Load Engine::load(const std::string& name) const {
    Load load;
    load.sessions = static_cast<std::uint32_t>(sessions_.size());
    load.sources = static_cast<std::uint32_t>(environment_.program.sources().size());
    load.legs = static_cast<std::uint32_t>(environment_.program.legs().size());
    load.rooms = static_cast<std::uint32_t>(rooms_.size());
    load.joins = static_cast<std::uint32_t>(pending_.size());
    load.handshake_wait_ns = environment_.handshakes.waited().count();
    load.least_busy = meters_.least_busy();
    load.full = overload_.full.on();
    // What is measured lags behind a rush of joins, so each viewer counts for what its room sends, connected or not.
    if (const auto room = rooms_.find(name); room != rooms_.end()) {
        load.room_bps = room->second.sends.bps + bits_around_payload * room->second.sends.packets_per_s;
        load.room_packets_per_s = room->second.sends.packets_per_s;
        load.room_viewers = static_cast<std::uint32_t>(room->second.viewers.size());
        load.room_publishers = static_cast<std::uint32_t>(room->second.publishers.size());
    }
    load.room_is_new = !rooms_.contains(name);
    load.egress_bps = std::max(meters_.egress_bps() + bits_around_frame * meters_.egress_packets_per_s(),
                               expected_.bps + bits_around_payload * expected_.packets_per_s);
    load.packets_per_s = std::max(meters_.egress_packets_per_s(), expected_.packets_per_s);
    return load;
}

void Engine::create(whip::Role whip_role, std::string room_name, std::optional<whip::Auth> auth, std::string offer_sdp,
                    CreateDone done) {
    const auto role = whip_role == whip::Role::publish ? session::Role::publisher : session::Role::viewer;
    const abi::HelloReply& hello = environment_.client.hello();
    DataPlaneLimits limits{.ready = false,
                           .reason = not_ready(),
                           .transports = hello.max_transports,
                           .sources = hello.max_sources,
                           .legs = hello.max_legs};
    if (limits.reason.empty() && environment_.client.congested()) limits.reason = "it does not keep up with changes";
    limits.ready = limits.reason.empty();
    auto refusal = draining_ ? AdmissionRefusal{AdmissionReason::draining, "this node is being drained", 30}
                             : admit(role, options_.budget, load(room_name), limits);
    if (refusal) {
        ++counters_.refused[static_cast<std::size_t>(refusal->reason)];
        if (const auto room = rooms_.find(room_name); room != rooms_.end())
            note_refusal(room->second, role, refusal->detail);
        return done(std::unexpected(whip::Refusal{503, "Over capacity", refusal->detail, refusal->retry_after_s}));
    }

    session::SessionState state;
    state.id = abi::TransportId{session::random_u64(environment_.random)};
    state.resource = session::random_token(environment_.random, 18);
    state.role = role;
    state.room = room_name;
    if (auth) state.identity = auth->identity;
    const auto joined = rooms_.find(room_name);
    state.worker = place(joined == rooms_.end() ? nullptr : &joined->second, role);
    state.etag = session::random_token(environment_.random, 9);
    state.created_unix_ms = unix_ms();
    state.local = ice::generate(environment_.random);
    state.cname = session::random_token(environment_.random, 12);

    const std::vector<Endpoint> local_addresses = addresses(state.worker);
    auto negotiation = session::negotiate(offer_sdp,
                                          {.role = role,
                                           .local = state.local,
                                           .fingerprint_sha256 = fingerprint(),
                                           .addresses = local_addresses,
                                           .cname = state.cname},
                                          environment_.random);
    if (!negotiation) {
        ++counters_.offers_refused;
        auto& error = negotiation.error();
        return done(
            std::unexpected(whip::Refusal{error.status, std::move(error.title), std::move(error.detail), std::nullopt}));
    }
    state.lines = std::move(negotiation->lines);
    state.remote = std::move(negotiation->remote);
    state.fingerprints = std::move(negotiation->fingerprints);
    state.dtls_client = negotiation->dtls_client;

    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): without one not_ready() has refused above
    session::Peer peer(dtls_->context, state, local_addresses, environment_.now_ns(), options_.dtls_mtu);
    auto owned = std::make_unique<Session>(Session{std::move(state), std::move(peer), {}});
    Session& s = *owned;
    dpclient::Program& program = environment_.program;
    if (!program_state(s)) {
        ++counters_.offers_refused;
        return done(std::unexpected(
            whip::Refusal{422, "Unusable offer", "the offer is too large: fewer m-lines or codecs, please", std::nullopt}));
    }
    program.upsert(session::transport_spec(s.state));
    for (const abi::SourceSpec& source : session::source_specs(s.state)) program.upsert(source);

    const abi::TransportId id = s.state.id;
    Room& room = room_for(room_name);
    room.join(id, s.publishes());
    room.empty_since_ns = 0;
    if (!s.publishes()) {
        expected_.add(room.sends, 1);
        placements_.add(s.state.worker, room.sends.packets_per_s);
    }
    keep(std::move(owned));
    ++counters_.sessions_created;
    core::log("engine").info("session {}: {} of room {} on worker {}", session::hex_id(static_cast<std::uint64_t>(id)),
                             role == session::Role::publisher ? "publisher" : "viewer", room_name, s.state.worker);

    apply([this, id, answer = std::move(negotiation->answer_sdp), done = std::move(done)](dpclient::ApplyResult result) {
        const Session* created = find(id);
        if (!result.ok()) {
            if (created != nullptr) end(id, "the data plane refused it");
            ++counters_.refused[static_cast<std::size_t>(AdmissionReason::data_plane)];
            return done(
                std::unexpected(whip::Refusal{503, "Over capacity", "the data plane could not take the session", 10}));
        }
        if (created == nullptr) return done(std::unexpected(unknown_session()));
        done(whip::Created{created->state.resource, created->state.etag, answer});
    });
}

void Engine::patch(std::string session_id, std::string fragment, std::optional<std::string> if_match, PatchDone done) {
    Session* s = by_resource(session_id);
    if (s == nullptr) return done(std::unexpected(unknown_session(not_ready())));
    const auto parsed = sdp::parse_trickle(fragment);
    if (!parsed)
        return done(std::unexpected(
            whip::Refusal{400, "Malformed fragment",
                          "line " + std::to_string(parsed.error().line) + ": " + parsed.error().message, std::nullopt}));
    if (if_match && *if_match != "*" && *if_match != s->state.etag)
        return done(
            std::unexpected(whip::Refusal{412, "Precondition Failed", "the ICE session was restarted since", std::nullopt}));

    const ice::Credentials remote{parsed->ice_ufrag, parsed->ice_pwd};
    const bool restart = !remote.ufrag.empty() && remote != s->state.remote;
    // A peer's candidates do not matter to a lite agent: its checks show where it is.
    if (!restart) return done(whip::Patched{std::nullopt, s->state.etag});
    if (!ice::is_valid(remote))
        return done(std::unexpected(whip::Refusal{
            400, "Malformed fragment", "ice-ufrag or ice-pwd is too short or has illegal characters", std::nullopt}));

    const auto* programmed = environment_.program.find(s->state.id);
    if (programmed == nullptr) return done(std::unexpected(unknown_session()));
    abi::TransportSpec spec = *programmed;
    s->state.local = ice::generate(environment_.random);
    s->state.remote = remote;
    s->state.etag = session::random_token(environment_.random, 9);
    s->peer.restart_ice(s->state.local);
    s->peer.set_remote(remote);
    spec.previous_ice = spec.ice;
    session::set_credentials(spec.ice, s->state.local);
    environment_.program.upsert(spec);
    program_state(*s);
    ++counters_.ice_restarts;

    sdp::TrickleFragment answer;
    answer.ice_ufrag = s->state.local.ufrag;
    answer.ice_pwd = s->state.local.pwd;
    answer.ice_lite = true;
    sdp::TrickleSection section;
    if (!parsed->sections.empty()) {
        section.mid = parsed->sections.front().mid;
        section.media = parsed->sections.front().media;
    } else if (!s->state.lines.empty()) {
        section.mid = s->state.lines.front().mid;
    }
    section.candidates = session::sdp_candidates(addresses(s->state.worker));
    section.end_of_candidates = true;
    answer.sections.push_back(std::move(section));

    apply([text = sdp::write_trickle(answer), etag = s->state.etag, done = std::move(done)](dpclient::ApplyResult result) {
        if (!result.ok())
            return done(std::unexpected(whip::Refusal{503, "Over capacity", "the data plane could not take the change", 2}));
        done(whip::Patched{text, etag});
    });
}

void Engine::remove(std::string session_id, RemoveDone done) {
    const Session* s = by_resource(session_id);
    if (s == nullptr) return done(std::unexpected(unknown_session(not_ready())));
    end(s->state.id, "deleted by its client");
    done({});
}

}  // namespace sluice::room
