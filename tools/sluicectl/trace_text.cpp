#include "tools/sluicectl/trace_text.hpp"

#include <fmt/format.h>

#include "dataplane/abi/drop_reason.hpp"
#include "dataplane/base/endpoint.hpp"
#include "tools/sluicectl/format.hpp"

namespace sluice::ctl {
namespace {

namespace json = boost::json;

constexpr std::int64_t second_ns = 1'000'000'000;

const abi::TraceInfo* info_of(const abi::TraceRecord& record) {
    const auto kind = static_cast<std::size_t>(record.kind);
    return kind < abi::trace_events.size() ? &abi::trace_events[kind] : nullptr;
}

std::string name_of(const TraceEvent& event) {
    const abi::TraceInfo* info = info_of(event.record);
    return info != nullptr ? std::string(info->name) : "event_" + std::to_string(static_cast<unsigned>(event.record.kind));
}

json::value value_of(std::string_view field, std::uint32_t value) {
    if (field == "reason")
        return value < abi::drop_reason_count ? json::value(abi::drop_reasons[value].name) : json::value(value);
    if (field == "suite") {
        if (value == 1) return "AEAD_AES_128_GCM";
        if (value == 2) return "AES_CM_128_HMAC_SHA1_80";
        return value;
    }
    if (field == "lost") return static_cast<std::int32_t>(value);  // duplicates make it negative
    if (field == "use_candidate" || field == "rtx" || field == "as_rtx" || field == "fir") return value != 0;
    return value;
}

std::string remote_of(const abi::FlowAddress& flow) {
    return Endpoint{IpAddress{flow.remote_ip}, flow.remote_port}.to_string();
}

}  // namespace

std::optional<TraceEvent> trace_event(const abi::CaptureRecord& record, ByteView bytes) {
    if (record.kind != abi::CaptureKind::trace || bytes.size() < sizeof(abi::TraceRecord)) return std::nullopt;
    return TraceEvent{record.unix_ns, record.transport, load<abi::TraceRecord>(bytes.data())};
}

std::string text_line(const TraceEvent& event) {
    std::string line = fmt::format("{}  {:<15}", utc_time(event.unix_ns / 1'000'000), name_of(event));
    const abi::TraceInfo* info = info_of(event.record);
    if (info != nullptr && !info->object.empty()) line += fmt::format("  {} {}", info->object, hex_id(event.record.object));
    for (std::size_t i = 0; info != nullptr && i < info->values.size() && !info->values[i].empty(); ++i) {
        const std::string_view field = info->values[i];
        const std::uint32_t value = event.record.values[i];
        const json::value shown = value_of(field, value);
        line += fmt::format("  {} {}", field,
                            field == "ssrc"     ? fmt::format("0x{:08x}", value)
                            : shown.is_string() ? std::string(shown.as_string())
                            : shown.is_bool()   ? (shown.as_bool() ? "yes" : "no")
                                                : json::serialize(shown));
    }
    if (!event.record.flow.empty()) line += "  remote " + remote_of(event.record.flow);
    return line + '\n';
}

json::object json_of(const TraceEvent& event) {
    json::object out{{"unix_ns", event.unix_ns}, {"event", name_of(event)}, {"transport", hex_id(event.transport)}};
    const abi::TraceInfo* info = info_of(event.record);
    if (info != nullptr && !info->object.empty()) out[info->object] = hex_id(event.record.object);
    for (std::size_t i = 0; info != nullptr && i < info->values.size() && !info->values[i].empty(); ++i) {
        out[info->values[i]] = value_of(info->values[i], event.record.values[i]);
    }
    if (!event.record.flow.empty()) out["remote"] = remote_of(event.record.flow);
    return out;
}

std::vector<TraceEvent> DropSummary::filter(const TraceEvent& event) {
    if (event.record.kind != abi::TraceKind::dropped) return {event};
    Sum& sum = sums_[{event.transport, event.record.values[0]}];
    if (sum.count == 0 && event.unix_ns - sum.told_ns > second_ns) {
        sum.told_ns = event.unix_ns;
        return {event};
    }
    sum.last = event;
    sum.count += event.record.values[1];
    return due(event.unix_ns);
}

std::vector<TraceEvent> DropSummary::due(std::int64_t unix_ns, bool end) {
    std::vector<TraceEvent> out;
    for (auto& [key, sum] : sums_) {
        if (sum.count == 0 || (!end && unix_ns - sum.told_ns <= second_ns)) continue;
        sum.last.record.values[1] = sum.count;
        out.push_back(sum.last);
        sum.count = 0;
        sum.told_ns = unix_ns;
    }
    return out;
}

}  // namespace sluice::ctl
