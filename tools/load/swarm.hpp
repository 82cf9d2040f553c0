// The run itself: joins publishers, then viewers at a rate, streams, reads commands from stdin, stops, reports.
//
// Theory of operation. One thread and one epoll set carry all packets; HTTP is on the Signaller's threads. The loop wakes
// for sockets, for the next frame of a publisher, and every 10 ms for timers: those of peers that are lively (joining, or
// waiting for a packet or a picture), and of a tenth of all others in turn. With --join-rate 0 viewers are made as fast as
// requests are answered, so that the crowd waits at the server and not in this process's memory; a join is measured from the
// moment at which the crowd was to come. Commands (one a line) are answered by one line of JSON with the command's name in
// "event"; "joined" comes unasked when the first viewers are all in, "deleted" when a DELETE is answered, and "report" at
// the end (with --json). "quit" stops the publishers, and what is under way has --linger seconds to arrive; a second "quit"
// says that nothing is to come any more.
//
// The machine may stop this process for any time. What the peers wait for is excused for as long, so that a stall of ours is
// never taken for one of the SFU's; "loop_stall_ms" is the longest that the sockets were not looked at, by which every
// measured gap may be off.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <cstdio>
#include <queue>
#include <string>
#include <string_view>

#include "tools/load/cpu_time.hpp"
#include "tools/load/progress.hpp"
#include "tools/load/report.hpp"
#include "tools/load/signaller.hpp"

namespace sluice::loadgen {

class Swarm {
public:
    // Events and the report go to `out`.
    explicit Swarm(World& world, std::FILE* out = stdout);

    // `commands` is read line by line (-1: none); `stop` is any fd that ends the run when readable (-1: none).
    // Returns the exit code.
    int run(int commands, int stop);

private:
    [[nodiscard]] std::int64_t now() const;
    void add(int fd, void* tag);
    void post(Peer& peer);
    [[nodiscard]] Peer* find(std::uint32_t number) const;
    void enlist(Peer& peer);
    void make_lively(Peer& peer);
    void take_results();
    void join_due(std::int64_t now_ns);
    void rebind_due(std::int64_t now_ns);
    [[nodiscard]] bool publishers_settled();
    [[nodiscard]] bool settled();  // every peer so far is connected or failed
    void add_viewer(std::int64_t wanted_ns, std::int64_t now_ns);
    void send_frames(std::int64_t now_ns);
    void turn();
    void looked(std::int64_t now_ns);  // at the sockets
    [[nodiscard]] boost::json::object summary(std::int64_t now_ns);
    void tick(Peer& peer, std::int64_t now_ns);
    void tick_all(std::int64_t now_ns);
    [[nodiscard]] boost::json::object generator(const CpuTime& stopped, const boost::json::object& streaming) const;
    void read_commands(int fd);
    void command(std::string_view line);
    void emit(std::string_view event, boost::json::object object);
    void delete_all();
    int finish();

    World& world_;
    std::FILE* out_;
    Crowd crowd_;
    Signaller signaller_;
    std::vector<Peer*> peers_;   // by number
    std::vector<Peer*> lively_;  // with Peer::lively set
    struct Frame {
        std::int64_t due_ns;
        Publisher* publisher;
        bool operator<(const Frame& other) const noexcept { return due_ns > other.due_ns; }
    };
    std::priority_queue<Frame> frames_;                         // one of each connected publisher
    std::size_t publishers_settled_ = 0, viewers_settled_ = 0;  // of the first ones
    std::uint32_t tick_slot_ = 0;
    std::uint32_t viewers_wanted_;
    std::int64_t crowd_ns_ = 0;  // when those that are still missing were to come
    CpuTime cpu_started_, cpu_joined_;
    std::uint64_t received_joined_ = 0;
    Progress progress_;
    std::int64_t next_join_ns_ = 0, next_tick_ns_ = 0, joined_ns_ = 0;
    std::int64_t looked_ns_ = 0;
    std::int64_t away_ns_ = 0, longest_away_ns_ = 0;  // between two looks: the last, the longest since the mark
    std::int64_t linger_end_ns_ = 0;
    std::uint32_t rebound_ = 0;
    std::uint32_t quit_commands_ = 0;
    std::string input_;
    int commands_ = -1;
    int stop_ = -1;
    bool quit_ = false;
    bool lingering_ = false;  // the publishers have stopped
};

}  // namespace sluice::loadgen
