#include "controlplane/admin/metrics.hpp"

#include <fmt/format.h>

#include <iterator>

#include "dataplane/abi/drop_reason.hpp"

namespace sluice::admin {
namespace {

using room::Engine;

// Label values: backslash, quote and line feed are escaped.
std::string label(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

class Writer {
public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        suffix_ = type == "counter" ? "_total" : type == "info" ? "_info" : "";
        fmt::format_to(std::back_inserter(text_), "# TYPE {} {}\n# HELP {} {}\n", name, type, name, help);
    }
    template <typename T>
    void value(T v, std::string_view labels = {}) {
        if (labels.empty())
            fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name_, suffix_, v);
        else
            fmt::format_to(std::back_inserter(text_), "{}{}{{{}}} {}\n", name_, suffix_, labels, v);
    }
    std::string finish() { return std::move(text_) + "# EOF\n"; }

private:
    std::string text_;
    std::string_view name_, suffix_;
};

void engine_metrics(Writer& out, const Engine& engine) {
    const room::EngineCounters& c = engine.counters();
    out.family("sluice_node", "info", "Which node this is");
    out.value(1,
              fmt::format("id=\"{}\",region=\"{}\"", label(engine.options().node_id), label(engine.options().node_region)));
    out.family("sluice_ready", "gauge", "1 when this node takes sessions");
    out.value(engine.not_ready().empty() ? 1 : 0);
    out.family("sluice_sessions", "gauge", "Sessions by role");
    std::size_t publishers = 0;
    for (const auto& [id, s] : engine.sessions()) publishers += s->publishes();
    out.value(publishers, "role=\"publisher\"");
    out.value(engine.sessions().size() - publishers, "role=\"viewer\"");
    out.family("sluice_joins_under_way", "gauge", "Sessions that are not connected yet");
    out.value(engine.joins_under_way());
    out.family("sluice_handshake_datagrams_dropped", "counter",
               "DTLS datagrams for which the handshakes' threads had no room");
    out.value(engine.handshakes().counters().dropped);
    out.family("sluice_handshake_wait_seconds", "gauge",
               "How long what is worked on now has waited for a handshakes' thread");
    out.value(static_cast<double>(engine.handshakes().waited().count()) * 1e-9);
    out.family("sluice_sessions_created", "counter", "Sessions whose offer was accepted");
    out.value(c.sessions_created);
    out.family("sluice_sessions_connected", "counter", "Sessions whose DTLS handshake was completed");
    out.value(c.sessions_connected);
    out.family("sluice_sessions_ended", "counter", "Sessions that ended");
    out.value(c.sessions_ended);
    out.family("sluice_sessions_adopted", "counter", "Sessions taken over from an earlier control plane");
    out.value(c.adopted);
    out.family("sluice_ice_restarts", "counter", "ICE restarts");
    out.value(c.ice_restarts);
    out.family("sluice_ice_checks", "counter", "Connectivity checks that reached the control plane");
    out.value(c.checks - c.checks_refused, "verdict=\"valid\"");
    out.value(c.checks_refused, "verdict=\"refused\"");
    out.family("sluice_source_switches", "counter", "Legs that were moved to another source");
    out.value(c.source_switches);
    out.family("sluice_offers_refused", "counter", "Offers that could not be used");
    out.value(c.offers_refused);
    out.family("sluice_overload", "gauge", "1 while this rung of the overload ladder is reached");
    out.value(engine.overload().full.on() ? 1 : 0, "rung=\"full\"");
    out.value(engine.overload().strained.on() ? 1 : 0, "rung=\"strained\"");
    out.family("sluice_admission_refused", "counter", "Sessions refused for want of capacity, by reason");
    for (std::size_t i = 0; i < c.refused.size(); ++i)
        out.value(c.refused[i], fmt::format("reason=\"{}\"", room::to_string(static_cast<room::AdmissionReason>(i))));
}

void room_metrics(Writer& out, const Engine& engine) {
    out.family("sluice_rooms", "gauge", "Rooms");
    out.value(engine.rooms().size());
    out.family("sluice_room_publishers", "gauge", "Publishers of a room");
    for (const auto& [name, room] : engine.rooms())
        out.value(room.publishers.size(), fmt::format("room=\"{}\"", label(name)));
    out.family("sluice_room_viewers", "gauge", "Viewers of a room");
    for (const auto& [name, room] : engine.rooms()) out.value(room.viewers.size(), fmt::format("room=\"{}\"", label(name)));
    out.family("sluice_room_ingress_bits_per_second", "gauge", "Media that the publishers of a room send, all layers");
    for (const auto& [name, room] : engine.rooms()) {
        double bps = 0;
        for (const abi::TransportId id : room.publishers)
            if (const auto* s = engine.find(id))
                for (const auto& line : s->state.lines)
                    for (const auto& layer : line.layers) bps += engine.meters().source(layer.source).bps;
        out.value(bps, fmt::format("room=\"{}\"", label(name)));
    }
}

void worker_metrics(Writer& out, const dpclient::SegmentView& segment, const Engine& engine) {
    struct Counter {
        const char* name;
        const char* help;
        std::uint64_t abi::WorkerBlock::* field;
    };
    static constexpr Counter counters[] = {
        {"sluice_worker_rx_packets", "Packets received", &abi::WorkerBlock::rx_packets},
        {"sluice_worker_rx_bytes", "Bytes received", &abi::WorkerBlock::rx_bytes},
        {"sluice_worker_tx_packets", "Packets sent", &abi::WorkerBlock::tx_packets},
        {"sluice_worker_tx_bytes", "Bytes sent", &abi::WorkerBlock::tx_bytes},
        {"sluice_worker_rtp_in", "RTP packets opened", &abi::WorkerBlock::rtp_in},
        {"sluice_worker_rtp_out", "RTP packets sealed", &abi::WorkerBlock::rtp_out},
        {"sluice_worker_rtx_out", "Retransmissions sealed", &abi::WorkerBlock::rtx_out},
        {"sluice_worker_punted", "Datagrams handed to the control plane", &abi::WorkerBlock::punted},
        {"sluice_worker_injected", "Datagrams taken from the control plane", &abi::WorkerBlock::injected},
        {"sluice_worker_stun_answered", "Connectivity checks that the worker answered itself",
         &abi::WorkerBlock::stun_answered},
        {"sluice_worker_handed_over", "Packets that belonged to another worker", &abi::WorkerBlock::handed_over},
        {"sluice_worker_handed_on", "Packets for the worker's port that went to the worker that has their transport",
         &abi::WorkerBlock::handed_on},
        {"sluice_worker_moved_in", "Transports that came from another worker", &abi::WorkerBlock::moved_in},
        {"sluice_worker_moved_out", "Transports that went to another worker", &abi::WorkerBlock::moved_out},
        {"sluice_worker_fragments", "IP fragments that were given to reassembly", &abi::WorkerBlock::fragments},
        {"sluice_worker_reassembled", "Datagrams that came whole out of IP fragments", &abi::WorkerBlock::reassembled},
        {"sluice_worker_catch_ups", "Newcomers who were sent the last keyframe out of the source ring",
         &abi::WorkerBlock::catch_ups},
        {"sluice_worker_tx_full", "Bursts that the port did not take whole, so that the fan-out waited",
         &abi::WorkerBlock::tx_full},
        {"sluice_worker_events_lost", "Events of a worker that main was too slow to take", &abi::WorkerBlock::events_lost},
    };
    for (const Counter& c : counters) {
        out.family(c.name, "counter", c.help);
        for (std::uint32_t i = 0; i < segment.workers(); ++i)
            out.value(segment.worker(i).*c.field, fmt::format("worker=\"{}\"", i));
    }
    static constexpr Counter gauges[] = {
        {"sluice_worker_transports", "Transports of the worker", &abi::WorkerBlock::transports},
        {"sluice_worker_legs", "Legs of the worker", &abi::WorkerBlock::legs},
        {"sluice_worker_history_free", "Free buffers of the history pool", &abi::WorkerBlock::history_free},
    };
    for (const Counter& c : gauges) {
        out.family(c.name, "gauge", c.help);
        for (std::uint32_t i = 0; i < segment.workers(); ++i)
            out.value(segment.worker(i).*c.field, fmt::format("worker=\"{}\"", i));
    }
    out.family("sluice_worker_busy_ratio", "gauge",
               "Cycles of loops that did something, over all cycles of the last second");
    const auto& rates = engine.meters().workers();
    for (std::size_t i = 0; i < rates.size(); ++i) out.value(rates[i].busy, fmt::format("worker=\"{}\"", i));
    out.family("sluice_dropped_packets", "counter", "Packets dropped, by reason");
    for (std::uint32_t i = 0; i < segment.workers(); ++i)
        for (std::size_t r = 1; r < abi::drop_reason_count; ++r)
            out.value(segment.worker(i).drops[r], fmt::format("worker=\"{}\",reason=\"{}\"", i, abi::drop_reasons[r].name));
}

}  // namespace

std::string metrics_text(const Engine& engine, const http::Stats& http) {
    Writer out;
    engine_metrics(out, engine);
    room_metrics(out, engine);
    if (const dpclient::SegmentView* segment = engine.client().segment()) worker_metrics(out, *segment, engine);
    const dpclient::ClientCounters& d = engine.client().counters();
    out.family("sluice_dataplane_connects", "counter", "Connections to the data plane");
    out.value(d.connects);
    out.family("sluice_dataplane_failed_acks", "counter", "Changes that the data plane refused");
    out.value(d.failed_acks);
    out.family("sluice_dataplane_inject_refused", "counter", "Datagrams that could not be handed to a worker");
    out.value(d.inject_refused);
    out.family("sluice_http_requests", "counter", "HTTP requests");
    out.value(http.requests);
    out.family("sluice_http_responses", "counter", "HTTP responses by class of status");
    for (std::size_t i = 1; i < http.responses_by_class.size(); ++i)
        out.value(http.responses_by_class[i], fmt::format("class=\"{}xx\"", i));
    out.family("sluice_http_connections", "gauge", "Open HTTP connections");
    out.value(http.active);
    return out.finish();
}

}  // namespace sluice::admin
