#include "tools/load/swarm.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "controlplane/core/clock.hpp"

namespace sluice::loadgen {
namespace {

namespace json = boost::json;

constexpr std::int64_t tick_ns = 10'000'000;
// The loop looks at its sockets every 10 ms; when it did not for so long, this process stood still or had no CPU.
constexpr std::int64_t stall_ns = 50'000'000;
constexpr char commands_tag = 0, stop_tag = 0, results_tag = 0;

void* tag(const char& c) {
    return const_cast<char*>(&c);
}

std::string encode(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~')
            out += c;
        else
            out += {'%', hex[byte >> 4], hex[byte & 15]};
    }
    return out;
}

}  // namespace

Swarm::Swarm(World& world, std::FILE* out)
    : world_(world),
      out_(out),
      signaller_({world.options.host, world.options.http_port}),
      viewers_wanted_(world.options.viewers) {}

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
    started_ns_ = looked_ns_ = now();
    for (std::uint32_t i = 0; i < world_.options.publishers; ++i) {
        crowd_.publishers.push_back(std::make_unique<Publisher>(world_, next_number_++));
        post(*crowd_.publishers.back());
    }
    const auto duration = static_cast<std::int64_t>(world_.options.seconds * 1e9);
    while (!quit_) {
        turn();
        if (joined_ns_ == 0 && crowd_.viewers.size() == viewers_wanted_ && settled()) {
            joined_ns_ = now();
            emit("joined", summary(joined_ns_));
        }
        if (joined_ns_ != 0 && duration != 0 && now() - joined_ns_ >= duration) break;
    }
    return finish();
}

void Swarm::post(Peer& peer) {
    const bool publishes = peer.publishes();
    signaller_.push({peer.number(),
                     {"POST", (publishes ? "/whip/" : "/whep/") + encode(world_.options.room), "application/sdp",
                      world_.options.token, peer.make_offer()},
                     world_.options.join_timeout_s});
}

Peer* Swarm::find(std::uint32_t number) {
    for (auto& p : crowd_.publishers)
        if (p->number() == number) return p.get();
    for (auto& v : crowd_.viewers)
        if (v->number() == number) return v.get();
    return nullptr;
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
        if (!peer->publishes()) static_cast<Viewer*>(peer)->posted_ns = result.started_ns;
        peer->answered(std::move(result.location), result.body, now());
    }
}

bool Swarm::settled() const {
    const auto done = [](const auto& peer) { return peer->phase() >= Phase::connected; };
    return std::all_of(crowd_.publishers.begin(), crowd_.publishers.end(), done) &&
           std::all_of(crowd_.viewers.begin(), crowd_.viewers.end(), done);
}

void Swarm::join_due(std::int64_t now_ns) {
    if (crowd_.viewers.size() >= viewers_wanted_) return;
    const bool publishers_done = std::all_of(crowd_.publishers.begin(), crowd_.publishers.end(),
                                             [](const auto& p) { return p->phase() >= Phase::connected; });
    if (!publishers_done) return;
    const auto interval = static_cast<std::int64_t>(1e9 / world_.options.join_rate);
    if (next_join_ns_ < now_ns - 1'000'000'000) next_join_ns_ = now_ns;
    while (crowd_.viewers.size() < viewers_wanted_ && next_join_ns_ <= now_ns) {
        crowd_.viewers.push_back(std::make_unique<Viewer>(world_, next_number_++));
        crowd_.viewers.back()->posted_ns = now_ns;
        post(*crowd_.viewers.back());
        next_join_ns_ += interval;
    }
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

void Swarm::tick_all(std::int64_t now_ns) {
    const auto patience = static_cast<std::int64_t>(world_.options.join_timeout_s * 1e9);
    const auto tick = [&](auto& peer) {
        peer->tick(now_ns);
        // The POST has a deadline of its own; ICE and DTLS get as long again.
        const bool waiting = peer->phase() == Phase::checking || peer->phase() == Phase::handshaking;
        if (waiting && now_ns - peer->answered_ns() > patience)
            peer->fail(std::string{"still "} + std::string{to_string(peer->phase())} + " after the join timeout");
    };
    for (auto& p : crowd_.publishers) tick(p);
    for (auto& v : crowd_.viewers) tick(v);
    world_.recorder.flush();
}

void Swarm::turn() {
    std::int64_t wake = next_tick_ns_;
    for (auto& p : crowd_.publishers) wake = std::min(wake, p->next_frame_ns());
    epoll_event events[128];
    const auto wait_ms = std::clamp<std::int64_t>((wake - now() + 999'999) / 1'000'000, 0, 10);
    const int count = ::epoll_wait(world_.epoll.get(), events, std::size(events), static_cast<int>(wait_ms));
    const std::int64_t now_ns = now();
    looked(now_ns);
    for (int i = 0; i < count; ++i) {
        void* data = events[i].data.ptr;
        if (data == tag(results_tag))
            take_results();
        else if (data == tag(commands_tag))
            read_commands(commands_);
        else if (data == tag(stop_tag))
            quit_ = true;
        else
            static_cast<Peer*>(data)->readable(now_ns);
    }
    // Timers come after the sockets: what has arrived is not late.
    if (now_ns >= next_tick_ns_) {
        next_tick_ns_ = now_ns + tick_ns;
        join_due(now_ns);
        rebind_due(now_ns);
        tick_all(now_ns);
    }
    for (auto& p : crowd_.publishers)
        if (p->next_frame_ns() <= now_ns) p->tick(now_ns);
}

void Swarm::looked(std::int64_t now_ns) {
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

json::object Swarm::summary(std::int64_t now_ns) const {
    json::object o = totals(world_, crowd_, now_ns, lingering_);
    const std::int64_t away_ns = std::max(longest_away_ns_, now_ns - looked_ns_);
    const std::int64_t tenths_of_ms = away_ns / 100'000;
    o["loop_stall_ms"] = static_cast<double>(tenths_of_ms) / 10;
    return o;
}

void Swarm::read_commands(int fd) {
    char buffer[4096];
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        ::epoll_ctl(world_.epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
        return;
    }
    input_.append(buffer, static_cast<std::size_t>(n));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
        command(std::string_view{input_}.substr(0, end));
        input_.erase(0, end + 1);
    }
}

void Swarm::command(std::string_view line) {
    const auto space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    std::uint32_t argument = 0;
    const bool has_argument =
        space != std::string_view::npos &&
        std::from_chars(line.data() + space + 1, line.data() + line.size(), argument).ec == std::errc{};
    const std::int64_t now_ns = now();
    if (name == "status") return emit(name, summary(now_ns));
    if (name == "detail") return emit(name, details(crowd_, now_ns));
    if (name == "quit") {
        quit_ = true;
        ++quit_commands_;
        return;
    }
    if (name == "mark") {
        longest_away_ns_ = away_ns_;
        for (auto& v : crowd_.viewers) v->mark(now_ns);
        for (auto& p : crowd_.publishers) p->consent().reset_max_age(now_ns);
        return emit(name, {{"now_ns", now_ns}});
    }
    if (name == "viewers" && has_argument) {
        viewers_wanted_ += argument;
        return emit(name, {{"wanted", viewers_wanted_}});
    }
    if (name == "keyframe") {
        for (auto& p : crowd_.publishers) p->request_keyframe();
        return emit(name, {{"now_ns", now_ns}});
    }
    Peer* peer = has_argument ? find(argument) : nullptr;
    if (name == "rebind" && peer != nullptr) {
        const std::uint16_t before = peer->local_port();
        const bool moved = peer->rebind(now_ns);
        return emit(name, {{"peer", argument}, {"moved", moved}, {"from", before}, {"to", peer->local_port()}});
    }
    if (name == "delete" && peer != nullptr && !peer->resource().empty())
        return signaller_.push({argument, {"DELETE", peer->resource(), "", world_.options.token, ""}, 10, false});
    emit("error", {{"line", std::string{line}}, {"error", "unknown command, or no such peer"}});
}

void Swarm::emit(std::string_view event, json::object object) {
    json::object line{{"event", event}};
    for (auto& [key, value] : object) line[key] = std::move(value);
    const std::string text = json::serialize(line);
    std::fwrite(text.data(), 1, text.size(), out_);
    std::fputc('\n', out_);
    std::fflush(out_);
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

int Swarm::finish() {
    const std::int64_t stopped_ns = now();
    const json::object streaming = summary(stopped_ns);
    for (auto& p : crowd_.publishers) p->stop();
    lingering_ = true;
    if (quit_commands_ != 0) emit("quit", streaming);
    linger_end_ns_ = stopped_ns + static_cast<std::int64_t>(world_.options.linger_s * 1e9);
    viewers_wanted_ = static_cast<std::uint32_t>(crowd_.viewers.size());
    while (looked_ns_ < linger_end_ns_ && quit_commands_ < 2) turn();
    json::object report = summary(now());
    // The silence after the end is not the SFU's.
    for (const char* key : {"max_gap_ms", "gap_p50_ms", "silent_ms", "viewers_stalled", "loop_stall_ms"})
        report[key] = streaming.at(key);
    report["joined"] = joined_ns_ != 0;
    const std::int64_t streamed_ms = joined_ns_ == 0 ? 0 : (stopped_ns - joined_ns_) / 1'000'000;
    report["seconds"] = static_cast<double>(streamed_ms) / 1000;
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
