// The address notations of the configuration, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/ip_address.hpp"

namespace sluice::config {

// "10.77.0.1/24"
struct Cidr {
    IpAddress address;
    std::uint8_t prefix = 0;  // bits of the family's own length
    bool operator==(const Cidr&) const = default;
};
[[nodiscard]] std::optional<Cidr> parse_cidr(std::string_view text) noexcept;

// An entry of rtc.addresses: 1:1 NAT where they differ.
struct AdvertisedAddress {
    IpAddress local;
    IpAddress advertised;
    bool operator==(const AdvertisedAddress&) const = default;
};
[[nodiscard]] std::optional<AdvertisedAddress> parse_advertised(std::string_view text) noexcept;

// "1", "2-5,8": ascending or not, no core twice.
[[nodiscard]] std::optional<std::vector<unsigned>> parse_cores(std::string_view text);

}  // namespace sluice::config
