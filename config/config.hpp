// The typed configuration that both planes and sluicectl share. Plain values: made by load.hpp, then never changed.
// The initialisers are the defaults of development mode (what runs without a file); everything else that is known of a
// key (range, whether it needs a restart, what it is for) stands in schema.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::config {

enum class Mode : std::uint8_t { development, production };
enum class Suite : std::uint8_t { aead_aes_128_gcm, aes_cm_128_hmac_sha1_80 };
enum class Poll : std::uint8_t { adaptive, busy };
enum class Hugepages : std::uint8_t { automatic, on, off };
enum class Sealer : std::uint8_t { automatic, avx512, ipsec_mb, libsrtp };
enum class PortType : std::uint8_t { tap, af_xdp, pci, memif, ring, null, vdev };
enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

struct Node {
    std::string id;  // empty: the host name
    std::string region;
    bool operator==(const Node&) const = default;
};

struct Tls {
    std::string certificate;  // both or neither
    std::string key;
    bool operator==(const Tls&) const = default;
};

struct Http {
    std::string listen = "127.0.0.1";
    std::uint16_t port = 7880;
    std::string page = "builtin";
    Tls tls;
    bool operator==(const Http&) const = default;
};

struct Dtls {
    std::uint16_t mtu = 1200;
    std::uint32_t certificate_days = 365;
    std::uint16_t threads = 0;  // 0: cores minus one
    bool operator==(const Dtls&) const = default;
};

struct Rtc {
    std::uint16_t udp_port = 7882;  // worker i has udp_port + i
    std::uint16_t tcp_port = 7881;
    std::vector<std::string> addresses;  // "public" or "local=public"; split_address() takes them apart
    Suite prefer_suite = Suite::aead_aes_128_gcm;
    std::uint32_t moves_per_s = 100;  // 0: none
    Dtls dtls;
    bool operator==(const Rtc&) const = default;
};

struct ApiKey {
    std::string name;
    std::string secret;  // never logged or shown
    bool operator==(const ApiKey&) const = default;
};

struct DataplaneLimits {
    std::uint32_t transports = 4096;
    std::uint32_t sources = 1024;
    std::uint32_t legs = 16384;
    std::uint32_t history_mb = 64;
    bool operator==(const DataplaneLimits&) const = default;
};

struct Port {
    PortType type = PortType::tap;
    std::string device;                 // pci: its address; vdev: DPDK's device string
    std::string interface = "sluice0";  // tap, af_xdp
    std::string address = "10.77.0.1/24";
    std::string address6 = "fd77:7777::1/64";
    std::string host_address = "10.77.0.2";
    std::string host_address6 = "fd77:7777::2";
    std::string mac;             // empty: the device's own, or one derived from the address
    std::string host_interface;  // pci, vdev: the TAP that carries what is not ours to the kernel; empty: none
    std::uint16_t vlan = 0;      // 802.1Q id of our announcements and steering rules; 0: untagged
    std::uint16_t mtu = 1500;
    std::uint16_t queues = 0;       // 0: one per worker
    std::uint32_t egress_mbps = 0;  // 0: as fast as the port takes it
    std::string xdp_program;
    std::string vdev_args;
    bool operator==(const Port&) const = default;
};

struct Dataplane {
    std::string control_socket = "/run/sluice/dataplane.sock";
    std::uint16_t workers = 1;
    std::string cores = "1";  // parse_cores() reads it
    std::uint16_t main_core = 0;
    Poll poll = Poll::adaptive;
    Hugepages hugepages = Hugepages::automatic;
    std::uint32_t memory_mb = 0;  // 0: what the limits need
    Sealer sealer = Sealer::automatic;
    DataplaneLimits limits;
    Port port;
    bool operator==(const Dataplane&) const = default;
};

struct Admission {
    std::uint32_t max_egress_mbps = 0;  // 0: no limit of its own
    std::uint32_t max_packets_per_s = 0;
    std::uint32_t max_sessions = 4000;
    std::uint32_t max_rooms = 1000;
    std::uint32_t max_viewers_per_room = 2000;
    std::uint32_t max_joins = 2000;  // under way
    bool operator==(const Admission&) const = default;
};

struct Log {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::text;
    bool operator==(const Log&) const = default;
};

// What one client may ask of the control plane.
struct Limits {
    std::uint32_t sdp_kb = 64;
    std::uint32_t message_kb = 64;
    std::uint32_t http_connections = 4096;
    std::uint32_t request_timeout_s = 10;
    std::uint32_t room_name_bytes = 128;
    bool operator==(const Limits&) const = default;
};

// Any thread, immutable once published.
struct Config {
    Mode mode = Mode::development;
    Node node;
    Http http;
    Rtc rtc;
    std::vector<ApiKey> keys{{"devkey", "secret"}};
    Dataplane dataplane;
    Admission admission;
    Log log;
    Limits limits;
    bool operator==(const Config&) const = default;
};

}  // namespace sluice::config
