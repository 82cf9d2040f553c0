// The views that have packets to fan out, in turn. Bounded, allocated once; a view stands in it once at most.
// Owning worker only.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "dataplane/table/source_view.hpp"

namespace sluice::worker {

class DueQueue {
public:
    explicit DueQueue(std::size_t capacity) : views_(std::bit_ceil(capacity + 1)) {}

    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
    void push(table::SourceView& view) noexcept {
        if (view.due) return;
        view.due = true;
        views_[tail_++ & (views_.size() - 1)] = &view;
    }
    // The one that has `ahead` before it; nullptr: there are not so many.
    [[nodiscard]] const table::SourceView* peek(std::size_t ahead) const noexcept {
        return head_ + ahead < tail_ ? views_[(head_ + ahead) & (views_.size() - 1)] : nullptr;
    }
    // The first one, no longer in the queue. Not of an empty queue.
    [[nodiscard]] table::SourceView& pop() noexcept {
        table::SourceView* view = views_[head_++ & (views_.size() - 1)];
        view->due = false;
        return *view;
    }
    // Before the view goes: O(size).
    void erase(table::SourceView& view) noexcept {
        if (!view.due) return;
        view.due = false;
        // What stands behind it moves up, so that the queue never holds more than it has views.
        std::size_t to = head_;
        for (std::size_t from = head_; from != tail_; ++from) {
            table::SourceView* other = views_[from & (views_.size() - 1)];
            if (other != &view) views_[to++ & (views_.size() - 1)] = other;
        }
        tail_ = to;
    }

private:
    std::vector<table::SourceView*> views_;
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
};

}  // namespace sluice::worker
