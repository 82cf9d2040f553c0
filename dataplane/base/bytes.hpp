// Byte views, and the only casts between a byte range and a struct that the project allows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace sluice {

using ByteView = std::span<const std::uint8_t>;
using ByteSpan = std::span<std::uint8_t>;

// Reads a trivially copyable T from the start of `bytes`; the caller has checked the length.
template <typename T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] inline T load(const std::uint8_t* bytes) noexcept {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

template <typename T>
    requires std::is_trivially_copyable_v<T>
inline void store(std::uint8_t* bytes, const T& value) noexcept {
    std::memcpy(bytes, &value, sizeof value);
}

// The object representation of a trivially copyable T.
template <typename T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] inline ByteView bytes_of(const T& value) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace sluice
