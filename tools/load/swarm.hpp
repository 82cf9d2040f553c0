// The run itself: joins publishers, then viewers at a rate, streams, reads commands from stdin, stops, reports.
//
// Theory of operation. One thread and one epoll set carry all packets; HTTP is on the Signaller's thread. The loop wakes for
// sockets, for the next frame of a publisher, and every 10 ms for timers. Commands (one a line) are answered by one line of
// JSON with the command's name in "event"; "joined" comes unasked when the first viewers are all in, "deleted" when a DELETE
// is answered, and "report" at the end (with --json).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/load/report.hpp"
#include "tools/load/signaller.hpp"

namespace sluice::loadgen {

class Swarm {
public:
    explicit Swarm(World& world);

    // `commands` is read line by line (-1: none); `stop` is any fd that ends the run when readable (-1: none).
    // Returns the exit code.
    int run(int commands, int stop);

private:
    [[nodiscard]] std::int64_t now() const;
    void add(int fd, void* tag);
    void post(Peer& peer);
    [[nodiscard]] Peer* find(std::uint32_t number);
    void take_results();
    void join_due(std::int64_t now_ns);
    void rebind_due(std::int64_t now_ns);
    [[nodiscard]] bool settled() const;  // every peer so far is connected or failed
    void turn();
    void tick_all(std::int64_t now_ns);
    void read_commands(int fd);
    void command(std::string_view line);
    void emit(std::string_view event, boost::json::object object);
    void delete_all();
    int finish();

    World& world_;
    Crowd crowd_;
    Signaller signaller_;
    std::uint32_t next_number_ = 0;
    std::uint32_t viewers_wanted_;
    std::int64_t next_join_ns_ = 0, next_tick_ns_ = 0, started_ns_ = 0, joined_ns_ = 0;
    std::uint32_t rebound_ = 0;
    std::string input_;
    int commands_ = -1;
    int stop_ = -1;
    bool quit_ = false;
};

}  // namespace sluice::loadgen
