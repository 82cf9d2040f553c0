// A bounded single-producer single-consumer ring: how commands, retired objects and shared packets
// cross between two threads.
//
// Theory of operation: `head_` counts what was ever pushed and `tail_` what was ever popped; both run
// freely and wrap at 2^64, so full is `head - tail == capacity` and no slot is wasted. Each side owns
// one counter, publishes it with release, reads the other's with acquire, and keeps a stale copy of
// the other's, so that the line crosses cores only when the ring looks full (or empty). The three
// groups of members lie on cache lines of their own.
//
// Thread: push side by exactly one thread, pop side by exactly one thread. Memory is allocated in the
// constructor only.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace sluice {

inline constexpr std::size_t cache_line = 64;

template <typename T>
    requires std::is_trivially_copyable_v<T>
class SpscRing {
public:
    // The capacity is rounded up to a power of two; at least 2.
    explicit SpscRing(std::size_t capacity)
        : mask_(std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity) - 1),
          slots_(std::make_unique_for_overwrite<T[]>(mask_ + 1)) {}

    SpscRing(const SpscRing&) = delete;
    SpscRing& operator=(const SpscRing&) = delete;

    [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

    // Producer only. False when full.
    [[nodiscard]] bool push(const T& item) noexcept { return push_burst({&item, 1}) == 1; }

    // Producer only. Takes as many of the first items as there is room for; returns how many.
    [[nodiscard]] std::size_t push_burst(std::span<const T> items) noexcept {
        const std::uint64_t head = head_.load(std::memory_order_relaxed);
        std::size_t room = capacity() - static_cast<std::size_t>(head - seen_tail_);
        if (room < items.size()) {
            seen_tail_ = tail_.load(std::memory_order_acquire);
            room = capacity() - static_cast<std::size_t>(head - seen_tail_);
        }
        const std::size_t count = items.size() < room ? items.size() : room;
        for (std::size_t i = 0; i < count; ++i) slots_[(head + i) & mask_] = items[i];
        if (count != 0) head_.store(head + count, std::memory_order_release);
        return count;
    }

    // Consumer only. False when empty.
    [[nodiscard]] bool pop(T& item) noexcept { return pop_burst({&item, 1}) == 1; }

    // Consumer only. Fills the front of `out`; returns how many.
    [[nodiscard]] std::size_t pop_burst(std::span<T> out) noexcept {
        const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        std::size_t ready = static_cast<std::size_t>(seen_head_ - tail);
        if (ready < out.size()) {
            seen_head_ = head_.load(std::memory_order_acquire);
            ready = static_cast<std::size_t>(seen_head_ - tail);
        }
        const std::size_t count = out.size() < ready ? out.size() : ready;
        for (std::size_t i = 0; i < count; ++i) out[i] = slots_[(tail + i) & mask_];
        if (count != 0) tail_.store(tail + count, std::memory_order_release);
        return count;
    }

    // Any thread; exact for the two owners while the other side rests, otherwise an estimate.
    [[nodiscard]] std::size_t size() const noexcept {
        const std::uint64_t tail = tail_.load(std::memory_order_acquire);
        const std::uint64_t head = head_.load(std::memory_order_acquire);
        const std::uint64_t used = head - tail;
        return static_cast<std::size_t>(used < capacity() ? used : capacity());
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

private:
    std::size_t mask_;
    std::unique_ptr<T[]> slots_;
    alignas(cache_line) std::atomic<std::uint64_t> head_{0};
    std::uint64_t seen_tail_ = 0;  // the producer's stale copy of tail_
    alignas(cache_line) std::atomic<std::uint64_t> tail_{0};
    std::uint64_t seen_head_ = 0;  // the consumer's stale copy of head_
};

}  // namespace sluice
