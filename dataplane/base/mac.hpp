// An Ethernet address: six bytes, a POD that can stand in a packet header.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct Mac {
    std::array<std::uint8_t, 6> bytes{};

    friend constexpr bool operator==(const Mac&, const Mac&) noexcept = default;
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return (bytes[0] & 1) != 0; }
    [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == Mac{}; }
    [[nodiscard]] static constexpr Mac broadcast() noexcept { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

    // "02:00:5e:10:00:01", either case; nothing else is accepted.
    [[nodiscard]] static std::optional<Mac> parse(std::string_view text) noexcept;
    [[nodiscard]] std::string to_string() const;
};

static_assert(sizeof(Mac) == 6 && alignof(Mac) == 1);

}  // namespace sluice
