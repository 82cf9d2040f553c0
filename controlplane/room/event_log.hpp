// What happened on this node, for operators: of rooms, and of the node itself (room ""). Whoever follows it waits here.
//
// Theory of operation. Each event has an id that grows with time and stays the event's own across restarts of this process:
// the tails that the data plane keeps (room blobs, the node's blob) are restored into the new process's log, so that a
// follower goes on after the last id that it has seen. Waiters are answered in flush(), never while an event is being added.
//
// Thread: the io thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::room {

struct Event {
    std::uint64_t id = 0;  // microseconds since 1970, moved on where two would be the same: fits a JavaScript number
    std::int64_t unix_ms = 0;
    std::string room;  // "" = the node
    std::string text;
};

class EventLog {
public:
    static constexpr std::size_t max_events = 1000;
    static constexpr std::size_t max_waiters = 64;

    const Event& add(std::int64_t unix_ms, std::string_view room, std::string_view text);
    // One of before this process started.
    void restore(Event event);

    // Those younger than `id`, the oldest first; of one room, or of all and the node.
    [[nodiscard]] std::vector<Event> after(std::uint64_t id, std::string_view room) const;
    [[nodiscard]] std::uint64_t last() const noexcept { return last_; }

    using Answer = std::function<void(std::vector<Event>)>;
    // Answers once something younger is there, or at the deadline with nothing.
    void wait(std::uint64_t id, std::string room, std::int64_t deadline_ns, Answer answer);
    // Answers who need not wait any more.
    void flush(std::int64_t now_ns);

private:
    struct Waiter {
        std::uint64_t after;
        std::string room;
        std::int64_t deadline_ns;
        Answer answer;
    };
    std::deque<Event> events_;  // by id
    std::uint64_t last_ = 0;
    std::uint64_t flushed_ = 0;  // last_ at the last flush
    std::list<Waiter> waiters_;
};

// The youngest of them as JSON, [id, unix_ms, text] each, within `max_bytes`: what a blob keeps.
[[nodiscard]] std::string encode_tail(const std::deque<Event>& events, std::size_t max_bytes);
// Nonsense is left out.
[[nodiscard]] std::deque<Event> decode_tail(std::string_view json, std::string_view room);

}  // namespace sluice::room
