// What a script says to a running sluice-load on stdin, and how it is answered.
#include <sys/epoll.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>

#include "tools/load/swarm.hpp"

namespace sluice::loadgen {

namespace json = boost::json;

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
        world_.latency.clear();
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
    progress_.end();
    const std::string text = json::serialize(line);
    std::fwrite(text.data(), 1, text.size(), out_);
    std::fputc('\n', out_);
    std::fflush(out_);
}

}  // namespace sluice::loadgen
