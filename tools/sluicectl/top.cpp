#include "tools/sluicectl/top.hpp"

#include "controlplane/core/clock.hpp"
#include "tools/sluicectl/data_plane.hpp"
#include "tools/sluicectl/observed.hpp"
#include "tools/sluicectl/table.hpp"

namespace sluice::ctl {

Outcome top_once(const Settings& settings) {
    const PlaneState control = control_plane_state(settings);
    return observed(settings, [&](const Snapshot& now, const Rates& rates) {
        return top_view(now, rates, control, {settings.width, false, false}, 0);
    });
}

Outcome top(const Settings& settings, Screen& screen) {
    auto plane = observe(settings.control_socket, settings.patience);
    if (!plane) return data_plane_down(plane.error());
    Snapshot before = take_now(plane->segment);
    Snapshot now = before;
    for (;;) {
        const Rates rates = rates_of(before, now);
        std::string remark;
        // A heartbeat that stands: either main is stuck, or this life of the data plane is over and the segment outlived it.
        if (rates.stalled) {
            auto next = observe(settings.control_socket, settings.patience);
            if (!next) {
                remark = "DATA PLANE DOWN: " + printable(next.error()) + '\n';
            } else if (next->segment.boot_id() != plane->segment.boot_id()) {
                plane = std::move(next);
                before = now = take_now(plane->segment);
                continue;
            } else {
                remark = "DATA PLANE STALLED: its main thread makes no progress\n";
            }
        }
        const ViewOptions options{screen.width(), false, false};
        const std::size_t lines = screen.lines();
        screen.show(remark + top_view(now, rates, control_plane_state(settings), options,
                                      lines > 1 && !remark.empty() ? lines - 1 : lines)
                                 .text);
        if (!screen.wait(settings.interval)) return {};
        before = std::move(now);
        now = take_now(plane->segment);
    }
}

Outcome top_stream(const Settings& settings, std::ostream& out) {
    for (;;) {
        Outcome frame = top_once(settings);
        if (frame.exit != Exit::ok) return frame;
        if (!(out << envelope("top", frame, core::unix_ns() / 1'000'000) << std::flush)) return {};
    }
}

}  // namespace sluice::ctl
