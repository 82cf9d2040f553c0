// An IPv4 or IPv6 address in one 16-byte form: IPv4 is held v4-mapped (::ffff:a.b.c.d), so that
// both families share one key, one table and one wire layout.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/byteorder.hpp"

namespace sluice {

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};  // network order; all zero is the IPv6 unspecified address

    friend constexpr bool operator==(const IpAddress&, const IpAddress&) noexcept = default;
    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

    [[nodiscard]] static IpAddress from_v4(be32 address) noexcept;
    [[nodiscard]] static constexpr IpAddress from_v6(const std::array<std::uint8_t, 16>& address) noexcept {
        return {address};
    }

    [[nodiscard]] bool is_v4() const noexcept;
    // The caller has checked is_v4().
    [[nodiscard]] be32 v4() const noexcept;

    [[nodiscard]] bool is_unspecified() const noexcept;  // :: or 0.0.0.0
    [[nodiscard]] bool is_loopback() const noexcept;     // ::1 or 127/8
    [[nodiscard]] bool is_multicast() const noexcept;    // ff00::/8 or 224/4
    [[nodiscard]] bool is_broadcast() const noexcept;    // 255.255.255.255 only; subnets are unknown here
    [[nodiscard]] bool is_link_local() const noexcept;   // fe80::/10 or 169.254/16
    // RFC 1918, RFC 4193, link-local and loopback: what development mode may bind.
    [[nodiscard]] bool is_private() const noexcept;

    // Dotted quad or RFC 4291 text, no brackets, no zone, no surrounding space.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;
    [[nodiscard]] std::string to_string() const;
};

static_assert(sizeof(IpAddress) == 16 && alignof(IpAddress) == 1);

}  // namespace sluice
