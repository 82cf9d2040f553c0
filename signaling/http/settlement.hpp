// A value that arrives once, now or later, and wakes the one coroutine that waits for it: the bridge from
// callback-style handlers to the connection's coroutine.
//
// Theory of operation: settle() may come before the wait, during it, or after the waiter has given up. A Ticket, shared
// by the copies of a callback, settles with a fallback when the last copy goes unanswered.
//
// Thread: the io thread.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace sluice::http {

template <class T>
class Settlement : public std::enable_shared_from_this<Settlement<T>> {
public:
    /// The first value counts; later ones are ignored.
    void settle(T value) {
        if (settled_) return;
        settled_ = true;
        value_.emplace(std::move(value));
        if (waiter_ != nullptr) waiter_->cancel();
    }
    bool settled() const { return settled_; }

    /// Nothing when `limit` passes first or `timer` is cancelled; a value that comes later is dropped.
    static boost::asio::awaitable<std::optional<T>> wait(std::shared_ptr<Settlement> self, boost::asio::steady_timer& timer,
                                                         std::chrono::milliseconds limit) {
        if (!self->settled_) {
            timer.expires_after(limit);
            const Waiting waiting(*self, timer);
            constexpr auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
            co_await timer.async_wait(token);
        }
        self->settled_ = true;
        co_return std::move(self->value_);
    }

private:
    struct Waiting {
        Settlement& owner;
        Waiting(Settlement& settlement, boost::asio::steady_timer& timer) : owner(settlement) { owner.waiter_ = &timer; }
        ~Waiting() { owner.waiter_ = nullptr; }
    };

    bool settled_ = false;
    std::optional<T> value_;
    boost::asio::steady_timer* waiter_ = nullptr;
};

template <class T>
class Ticket {
public:
    Ticket(std::shared_ptr<Settlement<T>> settlement, T fallback)
        : settlement_(std::move(settlement)), fallback_(std::move(fallback)) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {  // NOLINT(bugprone-exception-escape): Asio reports no error when a timer is cancelled
        settlement_->settle(std::move(fallback_));
    }
    void settle(T value) { settlement_->settle(std::move(value)); }

private:
    std::shared_ptr<Settlement<T>> settlement_;
    T fallback_;
};

}  // namespace sluice::http
