#include <chrono>
#include <thread>

#include "controlplane/core/clock.hpp"
#include "tools/sluicectl/data_plane.hpp"
#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/json_text.hpp"
#include "tools/sluicectl/observed.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/verbs.hpp"

namespace sluice::ctl {

namespace {

// A machine that stood still meanwhile has given the workers no time to show that they live: then the pause is made again.
void let_it_work(std::chrono::milliseconds interval) {
    constexpr std::chrono::milliseconds late{50};
    for (int tries = 0; tries < 5; ++tries) {
        const auto begun = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(interval);
        if (std::chrono::steady_clock::now() - begun < interval + late) return;
    }
}

}  // namespace

Outcome data_plane_down(const std::string& why) {
    Outcome outcome = Outcome::failed(Exit::data_plane_unreachable, "the data plane is down: " + why);
    outcome.data_plane = PlaneState{false, why};
    return outcome;
}

std::string bad_id(const std::string& id) {
    return printable(id) + " is no id: 1 to 16 hexadecimal digits are";
}

Snapshot take_now(const dpclient::SegmentView& segment) {
    return take(segment, std::chrono::nanoseconds(core::monotonic_ns()), core::unix_ns());
}

Outcome observed(const Settings& settings, const std::function<View(const Snapshot&, const Rates&)>& show) {
    const auto plane = observe(settings.control_socket, settings.patience);
    Outcome outcome = plane ? Outcome{} : data_plane_down(plane.error());
    outcome.control_plane = control_plane_state(settings);
    if (!plane) return outcome;
    outcome.data_plane = PlaneState{true, {}};
    const Snapshot before = take_now(plane->segment);
    let_it_work(settings.interval);
    const Snapshot after = take_now(plane->segment);
    View view = show(after, rates_of(before, after));
    outcome.data = std::move(view.data);
    outcome.text = std::move(view.text);
    return outcome;
}

Outcome workers(const Settings& settings, bool stages) {
    return observed(settings, [&](const Snapshot& now, const Rates& r) {
        return workers_view(now, r, {settings.width, false, stages});
    });
}
Outcome ports(const Settings& settings) {
    return observed(settings,
                    [&](const Snapshot& now, const Rates& r) { return ports_view(now, r, {settings.width, false, false}); });
}
Outcome drops(const Settings& settings, bool all) {
    return observed(settings,
                    [&](const Snapshot& now, const Rates& r) { return drops_view(now, r, {settings.width, all, false}); });
}
Outcome memory(const Settings& settings) {
    Settings at_once = settings;
    at_once.interval = {};
    return observed(at_once,
                    [&](const Snapshot& now, const Rates&) { return memory_view(now, {settings.width, false, false}); });
}

Outcome show_leg(const Settings& settings, const std::string& id) {
    const auto raw = parse_id(id);
    if (!raw) return Outcome::failed(Exit::usage, bad_id(id));
    const auto plane = observe(settings.control_socket, settings.patience);
    Outcome outcome = plane ? Outcome{} : data_plane_down(plane.error());
    outcome.control_plane = control_plane_state(settings);
    if (!plane) return outcome;
    outcome.data_plane = PlaneState{true, {}};
    abi::LegSlot slot;
    if (!plane->segment.read(abi::LegId{*raw}, slot)) {
        outcome.exit = Exit::failure;
        outcome.error = "the data plane has no leg " + hex_id(*raw);
        return outcome;
    }
    outcome.data = {{"id", hex_id(*raw)}, {"counters", counters_json(slot)}};
    outcome.text = "leg " + hex_id(*raw) + '\n' + facts_of(outcome.data.at("counters").as_object());
    return outcome;
}

}  // namespace sluice::ctl
