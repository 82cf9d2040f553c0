#include "tools/sluicectl/trace.hpp"

#include <fmt/format.h>

#include "controlplane/core/clock.hpp"
#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/observation.hpp"
#include "tools/sluicectl/observed.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/trace_text.hpp"

namespace sluice::ctl {

Outcome trace(const Settings& settings, const TraceRequest& request, std::ostream& out, std::ostream* say) {
    const auto id = parse_id(request.transport);
    if (!id) return Outcome::failed(Exit::usage, bad_id(request.transport));
    const PlaneState control = control_plane_state(settings);
    auto plane = open_plane(settings, control);
    if (!plane) return plane.error();
    abi::TransportSlot slot;
    if (!plane->segment.read(abi::TransportId{*id}, slot))
        return Outcome::failed(Exit::failure, "the data plane has no transport " + hex_id(*id));
    abi::ObserveStart wanted;
    wanted.kind = abi::ObserveKind::trace;
    wanted.count = 1;
    wanted.transports[0] = *id;
    auto observation = Observation::start(std::move(plane->link), settings, wanted);
    if (!observation) return observation.error();
    Observation& seen = **observation;

    const StopSignals signals;
    if (say != nullptr) *say << "tracing transport " << hex_id(*id) << "; Ctrl-C ends it\n" << std::flush;
    DropSummary drops;
    std::uint64_t events = 0;
    const auto show = [&](const std::vector<TraceEvent>& all) {
        for (const TraceEvent& event : all) {
            ++events;
            if (request.json) {
                boost::json::object line{{"version", json_version}};
                for (auto& [name, value] : json_of(event)) line[name] = value;
                out << boost::json::serialize(line) << '\n';
            } else {
                out << text_line(event);
            }
        }
        return static_cast<bool>(out);
    };
    const auto on_record = [&](const abi::CaptureRecord& record, ByteView bytes) {
        const auto event = trace_event(record, bytes);
        return !event || show(drops.filter(*event));
    };
    const std::int64_t deadline =
        request.seconds > 0 ? core::monotonic_ns() + static_cast<std::int64_t>(request.seconds * 1e9) : 0;
    bool alive = true;
    while (alive && seen.take(on_record) && show(drops.due(core::unix_ns())) && !signals.stopped() &&
           (deadline == 0 || core::monotonic_ns() < deadline)) {
        out.flush();
        alive = seen.wait(std::chrono::milliseconds(20));
    }
    if (alive) (void)seen.stop();
    (void)seen.take(on_record);
    (void)show(drops.due(core::unix_ns(), true));
    out.flush();

    Outcome outcome;
    outcome.data_plane = PlaneState{alive, alive ? "" : "it ended during the trace"};
    outcome.control_plane = control;
    outcome.data = {{"transport", hex_id(*id)}, {"events", events}, {"lost", seen.lost()}};
    if (seen.lost() != 0 && say != nullptr)
        *say << grouped(seen.lost()) << " events were lost because this reader was slow\n";
    if (!alive) {
        outcome.exit = Exit::data_plane_unreachable;
        outcome.error = "the data plane ended during the trace";
    }
    return outcome;
}

}  // namespace sluice::ctl
