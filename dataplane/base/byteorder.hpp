// Big-endian integers as types of their own, so that a byte-order bug does not compile:
// construction is explicit, and the host value is only had through value().
#pragma once

#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>

namespace sluice {

// Alignment 1, so that it can stand in a packed header at any offset.
template <std::unsigned_integral T>
class [[gnu::packed]] BigEndian {
public:
    constexpr BigEndian() noexcept = default;
    constexpr explicit BigEndian(T host) noexcept : raw_(swap(host)) {}

    [[nodiscard]] constexpr T value() const noexcept { return swap(raw_); }
    // The value as it stands in memory, for keys and checksums that are indifferent to byte order.
    [[nodiscard]] constexpr T raw() const noexcept { return raw_; }
    [[nodiscard]] static constexpr BigEndian from_raw(T raw) noexcept {
        BigEndian b;
        b.raw_ = raw;
        return b;
    }
    friend constexpr bool operator==(BigEndian a, BigEndian b) noexcept { return a.raw_ == b.raw_; }

private:
    static constexpr T swap(T v) noexcept {
        if constexpr (std::endian::native == std::endian::little) return std::byteswap(v);
        return v;
    }
    T raw_ = 0;
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && sizeof(be32) == 4 && sizeof(be64) == 8 && alignof(be64) == 1);

}  // namespace sluice
