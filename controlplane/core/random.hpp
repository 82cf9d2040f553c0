// Unguessable bytes and names from OpenSSL's generator. A process that cannot get randomness aborts: nothing that it
// would say afterwards could be trusted. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/bytes.hpp"

namespace sluice::core {

// Valid in URLs, file names, SDP tokens and ICE fragments (RFC 8445 ice-char) alike.
inline constexpr std::string_view base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void random_bytes(ByteSpan out);

template <std::size_t N>
[[nodiscard]] std::array<std::uint8_t, N> random_array() {
    std::array<std::uint8_t, N> out;
    random_bytes(out);
    return out;
}

[[nodiscard]] std::uint32_t random_u32();
// For TransportId, SourceId, LegId and blob ids: never 0, and never met twice in practice.
[[nodiscard]] std::uint64_t random_id();

// `length` characters of `alphabet` (2..256 of them), each equally likely. 22 of base62 hold 130 bits.
[[nodiscard]] std::string random_string(std::size_t length = 22, std::string_view alphabet = base62);

}  // namespace sluice::core
