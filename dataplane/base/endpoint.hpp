// An address and a UDP or TCP port: half of a 5-tuple, and its hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/ip_address.hpp"

namespace sluice {

struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;  // host order

    friend constexpr bool operator==(const Endpoint&, const Endpoint&) noexcept = default;
    friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) noexcept = default;

    // "192.0.2.1:7882" or "[2001:db8::1]:7882".
    [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text) noexcept;
    [[nodiscard]] std::string to_string() const;
};

static_assert(sizeof(Endpoint) == 18);

// Spreads well over the low bits. Not keyed: a table that strangers can fill salts it.
[[nodiscard]] inline std::uint64_t hash_of(const Endpoint& endpoint, std::uint64_t salt = 0) noexcept {
    const auto mix = [](std::uint64_t x) noexcept {
        x ^= x >> 33;
        x *= 0xff51afd7ed558ccdULL;
        x ^= x >> 33;
        x *= 0xc4ceb9fe1a85ec53ULL;
        return x ^ (x >> 33);
    };
    const auto high = load<std::uint64_t>(endpoint.address.bytes.data());
    const auto low = load<std::uint64_t>(endpoint.address.bytes.data() + 8);
    return mix(mix(low ^ salt) + mix(high ^ (std::uint64_t{endpoint.port} << 48)) + endpoint.port);
}

}  // namespace sluice

template <>
struct std::hash<sluice::Endpoint> {
    std::size_t operator()(const sluice::Endpoint& endpoint) const noexcept { return sluice::hash_of(endpoint); }
};
