#include "controlplane/room/event_log.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <ranges>

namespace sluice::room {

namespace json = boost::json;

const Event& EventLog::add(std::int64_t unix_ms, std::string_view room, std::string_view text) {
    last_ = std::max(last_ + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(unix_ms, 0)) * 1000);
    events_.push_back({last_, unix_ms, std::string(room), std::string(text)});
    if (events_.size() > max_events) events_.pop_front();
    return events_.back();
}

void EventLog::restore(Event event) {
    const auto at = std::ranges::lower_bound(events_, event.id, {}, &Event::id);
    if (at != events_.end() && at->id == event.id) return;
    last_ = std::max(last_, event.id);
    events_.insert(at, std::move(event));
    if (events_.size() > max_events) events_.pop_front();
}

std::vector<Event> EventLog::after(std::uint64_t id, std::string_view room) const {
    std::vector<Event> out;
    for (auto at = std::ranges::upper_bound(events_, id, {}, &Event::id); at != events_.end(); ++at) {
        if (room.empty() || at->room == room) out.push_back(*at);
    }
    return out;
}

void EventLog::wait(std::uint64_t id, std::string room, std::int64_t deadline_ns, Answer answer) {
    if (auto ready = after(id, room); !ready.empty() || waiters_.size() >= max_waiters) return answer(std::move(ready));
    waiters_.push_back({id, std::move(room), deadline_ns, std::move(answer)});
}

void EventLog::flush(std::int64_t now_ns) {
    const bool news = last_ != flushed_;
    flushed_ = last_;
    for (auto at = waiters_.begin(); at != waiters_.end();) {
        auto ready = news ? after(at->after, at->room) : std::vector<Event>{};
        if (ready.empty() && now_ns < at->deadline_ns) {
            ++at;
            continue;
        }
        const Answer answer = std::move(at->answer);
        at = waiters_.erase(at);
        answer(std::move(ready));
    }
}

std::string encode_tail(const std::deque<Event>& events, std::size_t max_bytes) {
    std::size_t bytes = 2;
    json::array tail;
    for (const Event& event : std::views::reverse(events)) {
        json::array one{event.id, event.unix_ms, event.text};
        bytes += json::serialize(one).size() + 1;
        if (bytes > max_bytes) break;
        tail.insert(tail.begin(), std::move(one));
    }
    return json::serialize(tail);
}

std::deque<Event> decode_tail(std::string_view text, std::string_view room) {
    std::deque<Event> out;
    boost::system::error_code error;
    const json::value root = json::parse(text, error);
    if (error || !root.is_array()) return out;
    for (const json::value& v : root.as_array()) {
        const json::array* one = v.if_array();
        if (one == nullptr || one->size() != 3 || !(*one)[2].is_string()) continue;
        boost::system::error_code bad_id, bad_time;
        const auto id = (*one)[0].to_number<std::uint64_t>(bad_id);
        const auto unix_ms = (*one)[1].to_number<std::int64_t>(bad_time);
        if (bad_id || bad_time || (!out.empty() && id <= out.back().id)) continue;
        out.push_back({id, unix_ms, std::string(room), std::string((*one)[2].as_string())});
    }
    return out;
}

}  // namespace sluice::room
