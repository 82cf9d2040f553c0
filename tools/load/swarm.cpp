#include "tools/load/swarm.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include "controlplane/core/clock.hpp"
#include "tools/load/url.hpp"

namespace sluice::loadgen {
namespace {

namespace json = boost::json;

constexpr std::int64_t tick_ns = 10'000'000;
constexpr std::uint32_t calm_slots = 10;  // ticks from one to the next of a peer that is not lively
// The loop looks at its sockets every 10 ms; when it did not for so long, this process stood still or had no CPU.
constexpr std::int64_t stall_ns = 50'000'000;
constexpr std::uint32_t oracle_publishers = 16;  // that seal with the oracle; more would be a crowd themselves
constexpr char commands_tag = 0, stop_tag = 0, results_tag = 0;

void* tag(const char& c) {
    return const_cast<char*>(&c);
}

std::FILE* progress_file(const Options& options) {
    return options.progress || (!options.json && ::isatty(STDERR_FILENO) == 1) ? stderr : nullptr;
}

// "{room}" in a path is the room's name.
std::string path_of(std::string path, const Options& options, std::uint32_t room) {
    constexpr std::string_view hole = "{room}";
    if (const auto at = path.find(hole); at != std::string::npos)
        path.replace(at, hole.size(), percent_encode(room_name(options, room)));
    return path;
}

}  // namespace

Swarm::Swarm(World& world, std::FILE* out)
    : world_(world),
      out_(out),
      signaller_(world.options.server, world.options.http_connections),
      viewers_wanted_(world.options.viewers * world.options.rooms),
      progress_(progress_file(world.options)) {}

std::int64_t Swarm::now() const {
    return core::monotonic_ns();
}

void Swarm::add(int fd, void* data) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = data;
    ::epoll_ctl(world_.epoll.get(), EPOLL_CTL_ADD, fd, &event);
}

int Swarm::run(int commands, int stop) {
    commands_ = commands;
    stop_ = stop;
    add(signaller_.event_fd(), tag(results_tag));
    if (commands >= 0) add(commands, tag(commands_tag));
    if (stop >= 0) add(stop, tag(stop_tag));
    cpu_started_ = cpu_joined_ = CpuTime::now();
    looked_ns_ = now();
    const std::uint32_t publishers = world_.options.publishers * world_.options.rooms;
    for (std::uint32_t i = 0; i < publishers; ++i) {
        const Peer::Place place{static_cast<std::uint32_t>(peers_.size()), i % world_.options.rooms, i < oracle_publishers};
        crowd_.publishers.push_back(std::make_unique<Publisher>(world_, place));
        enlist(*crowd_.publishers.back());
    }
    const auto duration = static_cast<std::int64_t>(world_.options.seconds * 1e9);
    while (!quit_) {
        turn();
        if (joined_ns_ == 0 && crowd_.viewers.size() == viewers_wanted_ && settled()) {
            joined_ns_ = now();
            cpu_joined_ = CpuTime::now();
            const json::object joined = summary(joined_ns_);
            received_joined_ = joined.at("rtp_received").to_number<std::uint64_t>();
            emit("joined", joined);
        }
        if (joined_ns_ != 0 && duration != 0 && now() - joined_ns_ >= duration) break;
    }
    return finish();
}

void Swarm::post(Peer& peer) {
    const bool publishes = peer.publishes();
    signaller_.push(
        {peer.number(),
         {"POST", path_of(publishes ? world_.options.whip_path : world_.options.whep_path, world_.options, peer.room()),
          "application/sdp", world_.options.token, peer.make_offer()},
         world_.options.join_timeout_s});
}

Peer* Swarm::find(std::uint32_t number) const {
    return number < peers_.size() ? peers_[number] : nullptr;
}

void Swarm::enlist(Peer& peer) {
    peers_.push_back(&peer);
    make_lively(peer);
    post(peer);
}

void Swarm::make_lively(Peer& peer) {
    if (peer.lively) return;
    peer.lively = true;
    lively_.push_back(&peer);
}

void Swarm::take_results() {
    for (SignalResult& result : signaller_.take()) {
        Peer* peer = find(result.peer);
        if (peer == nullptr) continue;
        if (result.method == "DELETE") {
            if (result.status == 200 || result.status == 204) peer->leave();
            emit("deleted", {{"peer", result.peer}, {"status", result.status}, {"error", result.error}});
            continue;
        }
        if (result.status != 201) {
            const std::string why =
                result.status == 0 ? result.error : std::to_string(result.status) + " " + result.body.substr(0, 200);
            peer->fail("POST: " + why);
            continue;
        }
        if (!peer->publishes()) {
            auto& viewer = static_cast<Viewer&>(*peer);
            viewer.posted_ns = result.started_ns;
            viewer.answered_ns = result.finished_ns;
        }
        peer->answered(std::move(result.location), result.body, now());
    }
}

// Who is connected or failed once stays so: what was looked at is not looked at again.
bool Swarm::publishers_settled() {
    auto& n = publishers_settled_;
    while (n < crowd_.publishers.size() && crowd_.publishers[n]->phase() >= Phase::connected) ++n;
    return n == crowd_.publishers.size();
}

bool Swarm::settled() {
    auto& n = viewers_settled_;
    while (n < crowd_.viewers.size() && crowd_.viewers[n]->phase() >= Phase::connected) ++n;
    return n == crowd_.viewers.size() && publishers_settled();
}

void Swarm::add_viewer(std::int64_t wanted_ns, std::int64_t now_ns) {
    const bool oracle = world_.oracle_viewers < world_.options.oracle_viewers && world_.oracle != nullptr;
    world_.oracle_viewers += oracle;
    const auto room = static_cast<std::uint32_t>(crowd_.viewers.size() % world_.options.rooms);
    crowd_.viewers.push_back(
        std::make_unique<Viewer>(world_, Peer::Place{static_cast<std::uint32_t>(peers_.size()), room, oracle}));
    Viewer& viewer = *crowd_.viewers.back();
    viewer.wanted_ns = wanted_ns;
    viewer.posted_ns = now_ns;
    enlist(viewer);
}

void Swarm::join_due(std::int64_t now_ns) {
    if (crowd_.viewers.size() >= viewers_wanted_ || !publishers_settled()) return;
    if (world_.options.join_rate <= 0) {
        if (crowd_ns_ == 0) crowd_ns_ = now_ns;
        // Enough that no connection waits for us.
        const std::size_t most = 2 * std::size_t{world_.options.http_connections};
        for (std::size_t n = signaller_.outstanding(); n < most && crowd_.viewers.size() < viewers_wanted_; ++n)
            add_viewer(crowd_ns_, now_ns);
        if (crowd_.viewers.size() == viewers_wanted_) crowd_ns_ = 0;
        return;
    }
    const auto interval = static_cast<std::int64_t>(1e9 / world_.options.join_rate);
    if (next_join_ns_ < now_ns - 1'000'000'000) next_join_ns_ = now_ns;
    for (; crowd_.viewers.size() < viewers_wanted_ && next_join_ns_ <= now_ns; next_join_ns_ += interval)
        add_viewer(next_join_ns_, now_ns);
}

void Swarm::rebind_due(std::int64_t now_ns) {
    if (world_.options.rebind_after_s <= 0 || joined_ns_ == 0) return;
    if (now_ns - joined_ns_ < static_cast<std::int64_t>(world_.options.rebind_after_s * 1e9)) return;
    for (; rebound_ < world_.options.rebind_count && rebound_ < crowd_.viewers.size(); ++rebound_) {
        Viewer& viewer = *crowd_.viewers[rebound_];
        // What moves without media has nothing to lose.
        if (viewer.phase() == Phase::connected && viewer.first_media_ns() == 0) return;
        viewer.rebind(now_ns);
    }
}

void Swarm::tick(Peer& peer, std::int64_t now_ns) {
    const auto patience = static_cast<std::int64_t>(world_.options.join_timeout_s * 1e9);
    peer.tick(now_ns);
    // The POST has a deadline of its own; ICE and DTLS get as long again.
    const bool waiting = peer.phase() == Phase::checking || peer.phase() == Phase::handshaking;
    if (waiting && now_ns - peer.answered_ns() > patience)
        peer.fail(std::string{"still "} + std::string{to_string(peer.phase())} + " after the join timeout");
}

void Swarm::tick_all(std::int64_t now_ns) {
    tick_slot_ = (tick_slot_ + 1) % calm_slots;
    for (std::size_t n = tick_slot_; n < peers_.size(); n += calm_slots)
        if (!peers_[n]->lively) tick(*peers_[n], now_ns);
    // Checks that are due more often need the fine clock.
    const bool may_rest = world_.options.consent_interval_s >= 1;
    std::erase_if(lively_, [&](Peer* peer) {
        const bool was_connected = peer->phase() == Phase::connected;
        tick(*peer, now_ns);
        if (peer->publishes() && was_connected && !peer->clocked) {
            peer->clocked = true;
            frames_.push({now_ns, static_cast<Publisher*>(peer)});
        }
        if (!peer->calm() || !may_rest) return false;
        peer->lively = false;
        return true;
    });
    world_.recorder.flush();
}

// Each publisher when its next frame is due.
void Swarm::send_frames(std::int64_t now_ns) {
    while (!frames_.empty() && frames_.top().due_ns <= now_ns) {
        Publisher* const publisher = frames_.top().publisher;
        frames_.pop();
        if (publisher->next_frame_ns() <= now_ns) publisher->tick(now_ns);
        const std::int64_t next_ns = publisher->next_frame_ns();
        if (next_ns != INT64_MAX) frames_.push({next_ns, publisher});
    }
}

void Swarm::turn() {
    const std::int64_t wake = std::min(next_tick_ns_, frames_.empty() ? INT64_MAX : frames_.top().due_ns);
    epoll_event events[128];
    const auto wait_ms = std::clamp<std::int64_t>((wake - now() + 999'999) / 1'000'000, 0, 10);
    const int count = ::epoll_wait(world_.epoll.get(), events, std::size(events), static_cast<int>(wait_ms));
    const std::int64_t now_ns = now();
    looked(now_ns);
    for (int i = 0; i < count; ++i) {
        void* data = events[i].data.ptr;
        if (data == tag(results_tag)) {
            take_results();
            join_due(now_ns);
        } else if (data == tag(commands_tag)) {
            read_commands(commands_);
        } else if (data == tag(stop_tag)) {
            quit_ = true;
        } else {
            auto& peer = *static_cast<Peer*>(data);
            peer.readable(now_ns);
            if (!peer.lively && !peer.calm()) make_lively(peer);
        }
    }
    // Timers come after the sockets: what has arrived is not late.
    if (now_ns >= next_tick_ns_) {
        next_tick_ns_ = now_ns + tick_ns;
        join_due(now_ns);
        rebind_due(now_ns);
        tick_all(now_ns);
        if (progress_.due(now_ns)) progress_.show(crowd_, viewers_wanted_, now_ns);
    }
    send_frames(now_ns);
}

void Swarm::looked(std::int64_t now_ns) {
    world_.unix_minus_monotonic_ns = core::unix_ns() - core::monotonic_ns();
    away_ns_ = now_ns - looked_ns_;
    looked_ns_ = now_ns;
    longest_away_ns_ = std::max(longest_away_ns_, away_ns_);
    if (away_ns_ < stall_ns) return;
    // A tick's time passes all the same: under lasting overload patience still ends.
    const std::int64_t excused_ns = away_ns_ - tick_ns;
    for (auto& p : crowd_.publishers) p->excuse(excused_ns);
    for (auto& v : crowd_.viewers) v->excuse(excused_ns);
    linger_end_ns_ += excused_ns;
}

json::object Swarm::summary(std::int64_t now_ns) {
    json::object o = totals(world_, crowd_, now_ns, lingering_);
    const std::int64_t away_ns = std::max(longest_away_ns_, now_ns - looked_ns_);
    const std::int64_t tenths_of_ms = away_ns / 100'000;
    const auto [retries, last] = signaller_.retries();
    o["http_retries"] = retries;
    o["http_last_refusal"] = last;
    o["loop_stall_ms"] = static_cast<double>(tenths_of_ms) / 10;
    return o;
}

void Swarm::delete_all() {
    const auto leave = [&](auto& peer) {
        if (peer->resource().empty() || peer->phase() == Phase::left) return;
        signaller_.push({peer->number(), {"DELETE", peer->resource(), "", world_.options.token, ""}, 2, false});
    };
    for (auto& v : crowd_.viewers) leave(v);
    for (auto& p : crowd_.publishers) leave(p);
    const std::int64_t deadline = now() + 10'000'000'000;
    bool dead = false;
    while (signaller_.outstanding() != 0 && !dead && now() < deadline) {
        for (const SignalResult& result : signaller_.take()) dead |= result.status == 0;
        ::usleep(1000);
    }
}

// What this process itself took: joining, and per packet of the time after the first viewers were all in.
json::object Swarm::generator(const CpuTime& stopped, const json::object& streaming) const {
    const auto us = [](std::int64_t ns) { return std::round(static_cast<double>(ns) / 1000); };
    const auto received = streaming.at("rtp_received").to_number<std::uint64_t>();
    const std::int64_t joining_ns = (joined_ns_ == 0 ? stopped : cpu_joined_).ns - cpu_started_.ns;
    const std::int64_t streaming_ns = joined_ns_ == 0 ? 0 : stopped.ns - cpu_joined_.ns;
    const std::uint64_t packets = received - std::min(received, received_joined_);
    const std::size_t joins = peers_.size();
    return {{"cpu_ms", us(stopped.ns - cpu_started_.ns) / 1000},
            {"cpu_joining_ms", us(joining_ns) / 1000},
            {"cpu_per_join_us", joins == 0 ? 0 : us(joining_ns) / static_cast<double>(joins)},
            {"cpu_streaming_ms", us(streaming_ns) / 1000},
            {"ns_per_packet", packets == 0 ? 0 : streaming_ns / static_cast<std::int64_t>(packets)},
            {"max_rss_kb", stopped.max_rss_kb}};
}

int Swarm::finish() {
    const std::int64_t stopped_ns = now();
    const CpuTime cpu_stopped = CpuTime::now();
    const json::object streaming = summary(stopped_ns);
    for (auto& p : crowd_.publishers) p->stop();
    lingering_ = true;
    if (quit_commands_ != 0) emit("quit", streaming);
    linger_end_ns_ = stopped_ns + static_cast<std::int64_t>(world_.options.linger_s * 1e9);
    viewers_wanted_ = static_cast<std::uint32_t>(crowd_.viewers.size());
    crowd_ns_ = 0;
    while (looked_ns_ < linger_end_ns_ && quit_commands_ < 2) turn();
    json::object report = summary(now());
    // The silence after the end is not the SFU's.
    for (const char* key : {"max_gap_ms", "gap_p50_ms", "silent_ms", "viewers_stalled", "loop_stall_ms"})
        report[key] = streaming.at(key);
    report["joined"] = joined_ns_ != 0;
    const std::int64_t streamed_ms = joined_ns_ == 0 ? 0 : (stopped_ns - joined_ns_) / 1'000'000;
    report["seconds"] = static_cast<double>(streamed_ms) / 1000;
    report["generator"] = generator(cpu_stopped, streaming);
    progress_.end();
    json::array found;
    for (const std::string& f : failures(world_.options, report)) found.emplace_back(f);
    const bool failed = !found.empty();
    report["failures"] = std::move(found);
    if (!world_.options.keep_sessions) delete_all();
    if (world_.options.json)
        emit("report", std::move(report));
    else
        std::fputs(as_text(report).c_str(), out_);
    return failed ? 1 : 0;
}

}  // namespace sluice::loadgen
