#include "config/readers.hpp"

#include <algorithm>
#include <iterator>

namespace sluice::config {
namespace {

constexpr std::uint8_t control = reader_control_plane, data = reader_data_plane;

constexpr KeyReaders table[] = {
    {"mode", control},
    {"node.id", control | data},
    {"node.region", control},
    {"http.listen", control},
    {"http.port", control},
    {"http.page", control},
    {"http.tls.certificate", control},
    {"http.tls.key", control},
    {"rtc.udp_port", data},
    {"rtc.tcp_port", reader_none},
    {"rtc.addresses", control},
    {"rtc.prefer_suite", control},
    {"rtc.moves_per_s", control},
    {"rtc.dtls.mtu", control},
    {"rtc.dtls.certificate_days", control},
    {"rtc.dtls.threads", control},
    {"keys", control},
    {"dataplane.control_socket", control | data},
    {"dataplane.workers", data},
    {"dataplane.cores", data},
    {"dataplane.main_core", data},
    {"dataplane.poll", data},
    {"dataplane.hugepages", data},
    {"dataplane.memory_mb", data},
    {"dataplane.sealer", data},
    {"dataplane.limits.transports", data},
    {"dataplane.limits.sources", data},
    {"dataplane.limits.legs", data},
    {"dataplane.limits.history_mb", data},
    {"dataplane.port.type", data},
    {"dataplane.port.device", data},
    {"dataplane.port.interface", data | reader_host_setup},
    {"dataplane.port.address", data | reader_host_setup},
    {"dataplane.port.address6", data | reader_host_setup},
    {"dataplane.port.host_address", reader_host_setup},
    {"dataplane.port.host_address6", reader_host_setup},
    {"dataplane.port.mac", data},
    {"dataplane.port.host_interface", data},
    {"dataplane.port.vlan", data},
    {"dataplane.port.mtu", data},
    {"dataplane.port.queues", data},
    {"dataplane.port.egress_mbps", data | control},
    {"dataplane.port.xdp_program", data},
    {"dataplane.port.vdev_args", data},
    {"admission.max_egress_mbps", control},
    {"admission.max_packets_per_s", control},
    {"admission.max_sessions", control},
    {"admission.max_rooms", control},
    {"admission.max_viewers_per_room", control},
    {"admission.max_joins", control},
    {"log.level", control | data},
    {"log.format", control | data},
    {"limits.sdp_kb", control},
    {"limits.message_kb", control},
    {"limits.http_connections", control},
    {"limits.request_timeout_s", control},
    {"limits.room_name_bytes", control},
};

}  // namespace

std::span<const KeyReaders> all_readers() noexcept {
    return table;
}

std::optional<std::uint8_t> readers_of(std::string_view path) noexcept {
    const auto found = std::ranges::find(table, path, &KeyReaders::path);
    return found == std::end(table) ? std::nullopt : std::optional(found->readers);
}

std::vector<std::string_view> restarts_for(std::string_view path) {
    const std::uint8_t readers = readers_of(path).value_or(0);
    std::vector<std::string_view> out;
    if ((readers & control) != 0) out.emplace_back("control plane");
    if ((readers & (data | reader_host_setup)) != 0) out.emplace_back("data plane");
    return out;
}

}  // namespace sluice::config
