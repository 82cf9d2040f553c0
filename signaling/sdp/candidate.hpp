// One ICE candidate (RFC 8839 section 5.1): the text of an a=candidate line or of an
// RTCIceCandidateInit, and the candidates that a host publishes for itself. Addresses stay text:
// browsers send mDNS names, which only the user of a candidate may judge.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::sdp {

struct Candidate {
    std::string foundation;
    std::uint16_t component = 1;
    std::string transport = "udp";  // lower case
    std::uint32_t priority = 0;
    std::string address;  // IPv4, IPv6 or a name such as "<uuid>.local"
    std::uint16_t port = 0;
    std::string type = "host";
    std::optional<std::pair<std::string, std::uint16_t>> related;  // raddr, rport
    std::string tcp_type;                                          // "passive", "active", "so"; empty for UDP
    std::vector<std::pair<std::string, std::string>> extensions;   // generation, ufrag, network-id, ...
    friend bool operator==(const Candidate&, const Candidate&) = default;
};

// RFC 8445 section 5.1.2.1.
[[nodiscard]] constexpr std::uint32_t candidate_priority(std::uint8_t type_preference, std::uint16_t local_preference,
                                                         std::uint8_t component = 1) noexcept {
    return (std::uint32_t{type_preference} << 24) | (std::uint32_t{local_preference} << 8) | (256u - component);
}

// A host candidate, component 1. `local_preference` orders our own addresses, highest first.
[[nodiscard]] Candidate host_candidate(std::string foundation, std::string address, std::uint16_t port,
                                       std::uint16_t local_preference = 65535);

// Accepts "candidate:...", "a=candidate:..." and the bare value. The error says what is wrong with it.
[[nodiscard]] std::expected<Candidate, std::string> parse_candidate(std::string_view text);

// The value without "a=", as RTCIceCandidateInit has it: "candidate:1 1 udp ...".
[[nodiscard]] std::string write_candidate(const Candidate& candidate);

}  // namespace sluice::sdp
