// The Ethernet, IP and UDP headers of one path, built once and stamped onto every packet.
//
// Theory of operation: a path's headers differ from packet to packet in two lengths and in the IPv4
// header checksum. The template keeps the finished bytes with these fields at zero, the partial sum of
// the IPv4 header and the partial sum of the UDP pseudo-header (addresses, protocol, ports); a stamp
// is one constant-size copy, two stores and one fold. IPv4 packets carry DF and identification 0
// (an atomic datagram, RFC 6864).
//
// Thread: any, immutable once made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/endpoint.hpp"
#include "dataplane/base/mac.hpp"
#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"

namespace sluice::wire {

struct UdpPath {
    Mac source_mac;
    Mac destination_mac;
    Endpoint source;
    Endpoint destination;
    std::optional<std::uint16_t> vlan;  // 0..4095
    std::uint8_t ttl = 64;              // or hop limit; not 0
    std::uint8_t dscp = 0;              // 0..63
};

enum class UdpPathError : std::uint8_t { mixed_families, port_zero, bad_vlan, bad_ttl, bad_dscp };
[[nodiscard]] std::string_view to_string(UdpPathError error) noexcept;

class UdpTemplate {
public:
    static constexpr std::size_t max_header_length = 14 + 4 + 40 + 8;

    // A default template stamps nothing useful; it exists so that tables can hold templates by value.
    UdpTemplate() noexcept = default;
    [[nodiscard]] static std::expected<UdpTemplate, UdpPathError> make(const UdpPath& path) noexcept;

    [[nodiscard]] std::size_t header_length() const noexcept { return header_length_; }
    [[nodiscard]] std::size_t l2_length() const noexcept { return l2_length_; }
    [[nodiscard]] std::size_t l3_length() const noexcept { return is_v6_ ? 40 : 20; }
    [[nodiscard]] bool is_v6() const noexcept { return is_v6_; }
    [[nodiscard]] ByteView header() const noexcept { return {bytes_.data(), header_length_}; }

    // Writes header_length() bytes at `destination`, for a UDP payload of `payload_length` bytes that
    // follows them. The UDP checksum field is left 0.
    void stamp(std::uint8_t* destination, std::uint16_t payload_length) const noexcept;

    // The pseudo-header sum, folded and not complemented, that checksum offload wants in the field.
    [[nodiscard]] be16 pseudo_header_checksum(std::uint16_t payload_length) const noexcept {
        return be16::from_raw(checksum_fold(pseudo_sum_ + be16(udp_length(payload_length)).raw()));
    }
    // After stamp(): prepares the field for the NIC.
    void set_offload_checksum(std::uint8_t* frame, std::uint16_t payload_length) const noexcept {
        store(frame + checksum_offset(), pseudo_header_checksum(payload_length));
    }
    // After stamp(), IPv4 only: for a NIC that fills in the header checksum and wants to find zero.
    void clear_ip_checksum(std::uint8_t* frame) const noexcept {
        store(frame + l2_length_ + offsetof(Ipv4Header, checksum), be16{0});
    }
    // After stamp() and after the payload is in place: the software variant.
    void fill_udp_checksum(std::uint8_t* frame, std::uint16_t payload_length) const noexcept;

private:
    static std::uint16_t udp_length(std::uint16_t payload_length) noexcept {
        return static_cast<std::uint16_t>(payload_length + sizeof(UdpHeader));
    }
    [[nodiscard]] std::size_t checksum_offset() const noexcept { return header_length_ - sizeof(be16); }

    alignas(16) std::array<std::uint8_t, 68> bytes_{};
    std::uint32_t ip_sum_ = 0;      // IPv4 header without total length and checksum
    std::uint32_t pseudo_sum_ = 0;  // addresses and protocol, without the length
    std::uint8_t header_length_ = 0;
    std::uint8_t l2_length_ = 0;
    bool is_v6_ = false;
};

static_assert(sizeof(UdpTemplate) == 80);

}  // namespace sluice::wire
