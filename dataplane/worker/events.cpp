// What a worker learns goes to main as events. When main is behind and the ring full, an event is lost and counted; those
// that change what the control plane would program (paths, SSRCs) are owed, and sent at a later tick as they stand then.

#include "dataplane/worker/worker.hpp"

namespace sluice::worker {

void Worker::report_path(table::Transport& t) noexcept {
    Event event;
    event.kind = EventKind::path;
    event.id = static_cast<std::uint64_t>(t.id);
    event.flow = t.path;
    t.path_unreported = !emit(event);
    events_owed_ |= t.path_unreported;
}

void Worker::report_bound(table::Source& s) noexcept {
    Event event;
    event.kind = EventKind::source_bound;
    event.id = static_cast<std::uint64_t>(s.id);
    event.ssrc = s.spec.ssrc;
    event.rtx_ssrc = s.spec.rtx_ssrc;
    event.payload_type = s.bound_payload_type;
    s.bound_unreported = !emit(event);
    events_owed_ |= s.bound_unreported;
}

void Worker::report_again() noexcept {
    // Half a ring of room, so that a tick does not count the same events as lost once more.
    if (config_.events->size() > config_.events->capacity() / 2) return;
    events_owed_ = false;
    for (table::Transport* t : transports_) {
        if (t->path_unreported) report_path(*t);
    }
    for (const table::Transport* t : publishers_) {
        const table::Publishing& p = *t->publishing;
        for (std::uint8_t i = 0; i < p.source_count; ++i) {
            if (p.sources[i]->bound_unreported) report_bound(*p.sources[i]);
        }
    }
}

}  // namespace sluice::worker
