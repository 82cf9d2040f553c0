#include "tools/sluicectl/views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/table.hpp"

namespace sluice::ctl {
namespace {

namespace json = boost::json;
using enum Align;

std::int64_t whole(double value) {
    return std::llround(value);
}
double ratio3(double value) {
    return std::round(value * 1000) / 1000;
}

std::string limit(const Snapshot::Pool& pool) {
    return grouped(pool.used) + " of " + grouped(pool.limit);
}
json::object limit_json(const Snapshot::Pool& pool) {
    return {{"used", pool.used}, {"limit", pool.limit}};
}

json::object rates_json(const WorkerRates& w) {
    return {{"busy", ratio3(w.busy)},
            {"loops_per_s", whole(w.loops)},
            {"rx_packets_per_s", whole(w.rx_packets)},
            {"rx_bits_per_s", whole(w.rx_bits)},
            {"tx_packets_per_s", whole(w.tx_packets)},
            {"tx_bits_per_s", whole(w.tx_bits)},
            {"rtp_in_per_s", whole(w.rtp_in)},
            {"rtp_out_per_s", whole(w.rtp_out)},
            {"rtx_out_per_s", whole(w.rtx_out)},
            {"punted_per_s", whole(w.punted)},
            {"handed_over_per_s", whole(w.handed_over)},
            {"drops_per_s", whole(w.drops)}};
}

json::object counters_json(const abi::WorkerBlock& w) {
    return {{"loops", w.loops},
            {"rx_packets", w.rx_packets},
            {"rx_bytes", w.rx_bytes},
            {"tx_packets", w.tx_packets},
            {"tx_bytes", w.tx_bytes},
            {"rtp_in", w.rtp_in},
            {"rtp_out", w.rtp_out},
            {"rtx_out", w.rtx_out},
            {"punted", w.punted},
            {"injected", w.injected},
            {"stun_answered", w.stun_answered},
            {"handed_over", w.handed_over},
            {"commands", w.commands},
            {"fragments", w.fragments},
            {"reassembled", w.reassembled},
            {"events_lost", w.events_lost}};
}

json::array stages_json(const abi::WorkerBlock& w) {
    json::array stages;
    for (std::size_t i = 0; i < static_cast<std::size_t>(abi::Stage::count); ++i) {
        stages.push_back(json::object{{"name", abi::stage_names[i]},
                                      {"calls", w.stages[i].calls},
                                      {"packets", w.stages[i].packets},
                                      {"cycles", w.stages[i].cycles}});
    }
    return stages;
}

std::string stages_text(const Snapshot& now, const ViewOptions& options) {
    Table table({{"WORKER", right}, {"STAGE"}, {"CALLS", right}, {"PACKETS", right}, {"CYCLES/PACKET", right}});
    for (std::size_t i = 0; i < now.workers.size(); ++i) {
        for (std::size_t s = 0; s < static_cast<std::size_t>(abi::Stage::count); ++s) {
            const abi::StageCounters& c = now.workers[i].stages[s];
            if (c.calls == 0) continue;
            table.add({std::to_string(i), abi::stage_names[s], grouped(c.calls), grouped(c.packets),
                       c.packets == 0 ? "-" : si(static_cast<double>(c.cycles) / static_cast<double>(c.packets))});
        }
    }
    return table.empty() ? "no stage has run yet\n" : table.to_string(options.width);
}

std::string name_of(const abi::PortBlock& p) {
    return {p.name, ::strnlen(p.name, sizeof p.name)};
}

json::array offloads_json(std::uint64_t bits) {
    json::array out;
    static constexpr const char* names[] = {"ipv4_checksum", "udp_checksum",     "rte_flow",
                                            "fast_free",     "rx_ipv4_checksum", "rx_udp_checksum"};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        if ((bits >> i & 1) != 0) out.emplace_back(names[i]);
    }
    return out;
}

std::string offloads_text(std::uint64_t bits) {
    std::string out;
    for (const json::value& name : offloads_json(bits)) out += (out.empty() ? "" : " ") + std::string(name.as_string());
    return out.empty() ? "none" : out;
}

std::string or_dash(double us) {
    return us == 0 ? "-" : microseconds(us);
}

std::chrono::seconds uptime_of(const Snapshot& now) {
    return std::chrono::seconds(
        now.start_unix_ns == 0 ? 0 : std::max<std::int64_t>(0, (now.unix_ns - now.start_unix_ns) / 1'000'000'000));
}

std::string table_or(const Table& table, const ViewOptions& options, std::string otherwise) {
    return table.empty() ? otherwise + '\n' : table.to_string(options.width);
}

Table drop_table(const Rates& rates, bool all, bool by_rate) {
    Table table({{"REASON"}, {"SEVERITY"}, {"COUNT", right}, {"PER S", right}, {"MEANING"}});
    std::vector<const DropRate*> rows;
    for (const DropRate& d : rates.drops) {
        if (all || d.count != 0) rows.push_back(&d);
    }
    const auto faster = [](const DropRate* a, const DropRate* b) {
        if (a->per_second != b->per_second) return a->per_second > b->per_second;
        return a->count != b->count ? a->count > b->count : a < b;
    };
    if (by_rate) std::ranges::sort(rows, faster);
    for (const DropRate* d : rows) {
        table.add({d->name, std::string(d->severity), grouped(d->count), si(d->per_second), std::string(d->help)});
    }
    return table;
}

// A terminal would wrap what is wider than it is. 0 = no limit.
std::string cut_to_screen(std::string_view text, std::size_t width, std::size_t lines) {
    std::string out;
    for (std::size_t n = 0; !text.empty() && (lines == 0 || n < lines); ++n) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        out += (width == 0 ? std::string(line) : fitted(line, width)) + '\n';
    }
    return out;
}

}  // namespace

json::object counters_json(const abi::TransportSlot& t) {
    return {{"rx_packets", t.rx_packets},
            {"rx_bytes", t.rx_bytes},
            {"tx_packets", t.tx_packets},
            {"tx_bytes", t.tx_bytes},
            {"stun_checks", t.stun_checks},
            {"auth_failures", t.auth_failures},
            {"replays", t.replays},
            {"rtt_us", t.rtt_us},
            {"path_switches", t.path_switches},
            {"worker", t.worker},
            {"port_worker", t.port_worker},
            {"last_rx_unix_ms", t.last_rx_unix_ns / 1'000'000},
            {"srtcp_reserved", t.srtcp_reserved.load(std::memory_order_relaxed)}};
}

json::object counters_json(const abi::LegSlot& l) {
    return {{"source", hex_id(l.source)},
            {"packets", l.packets},
            {"bytes", l.bytes},
            {"rtx_packets", l.rtx_packets},
            {"nacks", l.nacks},
            {"nack_misses", l.nack_misses},
            {"keyframe_requests", l.keyframe_requests},
            {"lost", l.cumulative_lost},
            {"fraction_lost", l.fraction_lost},
            {"jitter", l.jitter},
            {"rtt_us", l.rtt_us},
            {"remb_bps", l.remb_bps},
            {"last_unix_ms", l.last_unix_ns / 1'000'000},
            {"rtp_reserved", l.rtp_reserved.load(std::memory_order_relaxed)},
            {"rtx_reserved", l.rtx_reserved.load(std::memory_order_relaxed)}};
}

View workers_view(const Snapshot& now, const Rates& rates, const ViewOptions& options) {
    json::array workers;
    Table table({{"WORKER", right},
                 {"STATE"},
                 {"BUSY", right},
                 {"RX/s", right},
                 {"TX/s", right},
                 {"TX", right},
                 {"RTP IN/s", right},
                 {"RTP OUT/s", right},
                 {"RTX/s", right},
                 {"DROPS/s", right},
                 {"LATENCY p50", right},
                 {"p99", right},
                 {"TRANSPORTS", right},
                 {"LEGS", right},
                 {"MOVED IN", right},
                 {"OUT", right}});
    for (std::size_t i = 0; i < now.workers.size(); ++i) {
        const abi::WorkerBlock& w = now.workers[i];
        const WorkerRates& r = rates.workers[i];
        table.add({std::to_string(i), r.stalled ? "stalled" : "running", percent(r.busy), si(r.rx_packets), si(r.tx_packets),
                   bits_per_second(r.tx_bits), si(r.rtp_in), si(r.rtp_out), si(r.rtx_out), si(r.drops),
                   or_dash(r.latency_p50_us), or_dash(r.latency_p99_us), grouped(w.transports), grouped(w.legs),
                   grouped(w.moved_in), grouped(w.moved_out)});
        json::object o{{"id", i},
                       {"stalled", r.stalled},
                       {"transports", w.transports},
                       {"legs", w.legs},
                       {"moved_in", w.moved_in},
                       {"moved_out", w.moved_out},
                       {"handed_on", w.handed_on},
                       {"history_free", w.history_free},
                       {"history_total", w.history_total},
                       {"catch_ups", w.catch_ups},
                       {"tx_full", w.tx_full}};
        o["rates"] = rates_json(r);
        // Upper bounds; null when nothing was measured.
        const auto quantile = [](double us) { return us == 0 ? json::value(nullptr) : json::value(us); };
        o["latency_us"] = json::object{{"p50", quantile(r.latency_p50_us)}, {"p99", quantile(r.latency_p99_us)}};
        o["loop_us"] = json::object{{"p99", quantile(r.loop_p99_us)}};
        o["counters"] = counters_json(w);
        o["stages"] = stages_json(w);
        workers.push_back(std::move(o));
    }
    View view{{{"interval_s", ratio3(rates.seconds)}, {"workers", std::move(workers)}},
              table_or(table, options, "no workers")};
    if (options.stages) view.text += '\n' + stages_text(now, options);
    for (std::size_t i = 0; i < now.workers.size(); ++i) {
        if (now.workers[i].events_lost == 0) continue;
        view.text += fmt::format("worker {}: {} events lost, as main was behind; paths and SSRCs are sent again\n", i,
                                 grouped(now.workers[i].events_lost));
    }
    return view;
}

View ports_view(const Snapshot& now, const Rates& rates, const ViewOptions& options) {
    json::array ports;
    Table table({{"PORT", right},
                 {"NAME"},
                 {"MAC"},
                 {"LINK", right},
                 {"PACED TO", right},
                 {"MTU", right},
                 {"RX/s", right},
                 {"RX", right},
                 {"TX/s", right},
                 {"TX", right},
                 {"LOST/s", right},
                 {"MISSED", right},
                 {"ERRORS", right},
                 {"NO BUFFER", right},
                 {"OFFLOADS"}});
    for (std::size_t i = 0; i < now.ports.size(); ++i) {
        const abi::PortBlock& p = now.ports[i];
        const PortRates& r = rates.ports[i];
        table.add({std::to_string(i), name_of(p), mac(p.mac), p.link_mbps == 0 ? "-" : bits_per_second(1e6 * p.link_mbps),
                   p.egress_mbps == 0 ? "-" : bits_per_second(1e6 * static_cast<double>(p.egress_mbps)),
                   std::to_string(p.mtu), si(r.rx_packets), bits_per_second(r.rx_bits), si(r.tx_packets),
                   bits_per_second(r.tx_bits), si(r.lost), grouped(p.rx_missed), grouped(p.rx_errors + p.tx_errors),
                   grouped(p.rx_nombuf), offloads_text(p.offloads)});
        ports.push_back(json::object{{"id", i},
                                     {"name", printable(name_of(p))},
                                     {"mac", mac(p.mac)},
                                     {"mtu", p.mtu},
                                     {"link_mbps", p.link_mbps},
                                     {"egress_mbps", p.egress_mbps},
                                     {"offloads", offloads_json(p.offloads)},
                                     {"rates", json::object{{"rx_packets_per_s", whole(r.rx_packets)},
                                                            {"rx_bits_per_s", whole(r.rx_bits)},
                                                            {"tx_packets_per_s", whole(r.tx_packets)},
                                                            {"tx_bits_per_s", whole(r.tx_bits)},
                                                            {"lost_per_s", whole(r.lost)}}},
                                     {"counters", json::object{{"rx_packets", p.rx_packets},
                                                               {"rx_bytes", p.rx_bytes},
                                                               {"tx_packets", p.tx_packets},
                                                               {"tx_bytes", p.tx_bytes},
                                                               {"rx_missed", p.rx_missed},
                                                               {"rx_errors", p.rx_errors},
                                                               {"tx_errors", p.tx_errors},
                                                               {"rx_nombuf", p.rx_nombuf},
                                                               {"to_host", p.to_host},
                                                               {"from_host", p.from_host},
                                                               {"host_refused", p.host_refused}}}});
    }
    return {{{"interval_s", ratio3(rates.seconds)}, {"ports", std::move(ports)}}, table_or(table, options, "no ports")};
}

View drops_view(const Snapshot&, const Rates& rates, const ViewOptions& options) {
    json::array reasons;
    for (const DropRate& d : rates.drops) {
        reasons.push_back(json::object{{"name", d.name},
                                       {"severity", d.severity},
                                       {"count", d.count},
                                       {"per_s", std::round(d.per_second * 10) / 10},
                                       {"help", d.help}});
    }
    return {{{"interval_s", ratio3(rates.seconds)}, {"drops", std::move(reasons)}},
            table_or(drop_table(rates, options.all, false), options,
                     "nothing was dropped since the data plane started (--all lists every reason)")};
}

View memory_view(const Snapshot& now, const ViewOptions& options) {
    View view;
    Facts facts;
    facts.add("state segment", bytes(now.segment_bytes));
    facts.add("blobs", fmt::format("{}, {} of {}", grouped(now.blobs), bytes(now.blob_bytes), bytes(now.blob_budget)));
    facts.add("transports", limit(now.transports));
    facts.add("sources", limit(now.sources));
    facts.add("legs", limit(now.legs));
    Table table({{"WORKER", right}, {"HISTORY BUFFERS", right}, {"FREE", right}, {"USED", right}});
    json::array workers;
    for (std::size_t i = 0; i < now.workers.size(); ++i) {
        const abi::WorkerBlock& w = now.workers[i];
        const std::uint64_t used = w.history_total - std::min(w.history_free, w.history_total);
        const double ratio = w.history_total == 0 ? 0 : static_cast<double>(used) / static_cast<double>(w.history_total);
        table.add({std::to_string(i), grouped(w.history_total), grouped(w.history_free), percent(ratio)});
        workers.push_back(json::object{{"id", i}, {"history_total", w.history_total}, {"history_free", w.history_free}});
    }
    view.data = {{"segment_bytes", now.segment_bytes},
                 {"blobs", json::object{{"count", now.blobs}, {"bytes", now.blob_bytes}, {"budget", now.blob_budget}}},
                 {"transports", limit_json(now.transports)},
                 {"sources", limit_json(now.sources)},
                 {"legs", limit_json(now.legs)},
                 {"workers", std::move(workers)}};
    view.text = facts.to_string() + '\n' + table.to_string(options.width);
    return view;
}

View summary_view(const Snapshot& now, const Rates& rates) {
    View view;
    Facts facts;
    const bool stuck = rates.stalled || rates.total.stalled;
    facts.add("data plane",
              stuck ? (rates.stalled ? "STALLED: the main thread makes no progress" : "STALLED: a worker makes no progress")
                    : "up");
    facts.add("process", fmt::format("pid {}, up {}, ABI {}, boot {}", now.pid, duration(uptime_of(now)), now.abi,
                                     hex(now.boot_id).substr(0, 8)));
    facts.add("sealer", now.sealer.empty() ? "-" : now.sealer);
    facts.add("workers", fmt::format("{}, {} busy", now.workers.size(), percent(rates.total.busy)));
    facts.add("transports", limit(now.transports));
    facts.add("sources", limit(now.sources));
    facts.add("legs", limit(now.legs));
    facts.add("in", fmt::format("{} packets/s, {}", si(rates.total.rx_packets), bits_per_second(rates.total.rx_bits)));
    facts.add("out", fmt::format("{} packets/s, {}", si(rates.total.tx_packets), bits_per_second(rates.total.tx_bits)));
    facts.add("drops", fmt::format("{} packets/s", si(rates.total.drops)));
    view.text = facts.to_string();
    view.data = {{"pid", now.pid},
                 {"uptime_s", uptime_of(now).count()},
                 {"boot_id", hex(now.boot_id)},
                 {"abi", now.abi},
                 {"sealer", printable(now.sealer)},
                 {"stalled", stuck},
                 {"workers", now.workers.size()},
                 {"transports", limit_json(now.transports)},
                 {"sources", limit_json(now.sources)},
                 {"legs", limit_json(now.legs)},
                 {"interval_s", ratio3(rates.seconds)},
                 {"rates", rates_json(rates.total)}};
    return view;
}

View top_view(const Snapshot& now, const Rates& rates, const std::optional<PlaneState>& control_plane,
              const ViewOptions& options, std::size_t lines) {
    const View workers = workers_view(now, rates, options);
    const View ports = ports_view(now, rates, options);
    View view;
    view.data = {{"summary", summary_view(now, rates).data},
                 {"workers", workers.data.at("workers")},
                 {"ports", ports.data.at("ports")},
                 {"drops", drops_view(now, rates, options).data.at("drops")}};
    const std::string control = !control_plane ? "not asked" : control_plane->up ? "up" : "DOWN";
    view.text = fmt::format("sluice  {}  up {}  busy {}  control plane {}\n", utc_time(now.unix_ns / 1'000'000),
                            duration(uptime_of(now)), percent(rates.total.busy), control);
    view.text += fmt::format("in {} packets/s, {}   out {} packets/s, {}   drops {}/s   transports {}   legs {}\n\n",
                             si(rates.total.rx_packets), bits_per_second(rates.total.rx_bits), si(rates.total.tx_packets),
                             bits_per_second(rates.total.tx_bits), si(rates.total.drops), grouped(now.transports.used),
                             grouped(now.legs.used));
    view.text +=
        workers.text + '\n' + ports.text + '\n' + table_or(drop_table(rates, false, true), options, "nothing was dropped");
    view.text = cut_to_screen(view.text, options.width, lines);
    return view;
}

}  // namespace sluice::ctl
