// Writes pcapng (draft-ietf-opsawg-pcapng), as tshark and Wireshark open it: one section, an interface per worker, packets
// with their direction and time in nanoseconds, and interface statistics at the end. Pure: blocks come back as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/abi/capture_ring.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::ctl::pcapng {

struct Section {
    std::string application;
    std::string comment;
};
struct Interface {
    std::string name;
    std::string description;
    std::uint32_t snaplen = 0;  // 0 = none
};
struct Packet {
    std::uint32_t interface = 0;
    abi::Direction direction = abi::Direction::none;
    std::int64_t unix_ns = 0;
    std::uint32_t length = 0;       // on the wire
    std::uint64_t lost_before = 0;  // since the packet before it on this interface
    ByteView bytes;
};
struct Statistics {
    std::uint32_t interface = 0;
    std::int64_t started_unix_ns = 0;
    std::int64_t ended_unix_ns = 0;
    std::uint64_t received = 0;  // seen at all
    std::uint64_t dropped = 0;   // of them, not in the file
};

[[nodiscard]] std::string block(const Section& section);
[[nodiscard]] std::string block(const Interface& interface);
[[nodiscard]] std::string block(const Packet& packet);
[[nodiscard]] std::string block(const Statistics& statistics);

}  // namespace sluice::ctl::pcapng
