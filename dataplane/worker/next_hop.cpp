// Next hops that main has found: the headers of the transports that go there are written anew, so that the packet path looks
// nothing up.

#include <algorithm>

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {

void Worker::set_next_hop(const Command& c) noexcept {
    table::Transport& t = *c.transport;
    // The path moved on meanwhile: main has been told, and will send what fits.
    if (IpAddress{t.path.remote_ip} != c.destination || t.next_hop == c.next_hop) return;
    t.next_hop = c.next_hop;
    if (t.hot.has_path) (void)stamp_path(t);
}

void Worker::update_next_hop(const Command& c) noexcept {
    next_hops_[c.next_hop] = c.next_hop_entry;
    // From the end: a transport that is removed is replaced by the last one, which has been looked at by then.
    restamp_left_ = transports_.size();
}

// Thousands of transports may go through one gateway, so a few are done per iteration. Neither media nor anything else waits
// for the rest.
bool Worker::stage_next_hops() noexcept {
    constexpr std::size_t per_iteration = 64;
    restamp_left_ = std::min(restamp_left_, transports_.size());
    if (restamp_left_ == 0) return false;
    for (std::size_t i = 0; i < per_iteration && restamp_left_ != 0; ++i) {
        table::Transport& t = *transports_[--restamp_left_];
        if (t.next_hop != table::no_next_hop && t.hot.has_path) (void)stamp_path(t);
    }
    return true;
}

}  // namespace sluice::worker
