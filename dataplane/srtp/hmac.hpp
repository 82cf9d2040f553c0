// HMAC-SHA1 (RFC 2104) with the two pad blocks hashed once per key: half the work for the short
// messages it is used on (STUN MESSAGE-INTEGRITY, one SRTP packet at a time).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/bytes.hpp"
#include "dataplane/srtp/key.hpp"

namespace sluice::srtp {

// Any thread, immutable after init(). Keys longer than 64 bytes are hashed first, as RFC 2104 says.
struct HmacSha1Key {
    KeyState::HmacPads pads{};

    void init(ByteView key) noexcept;
    void wipe() noexcept { secure_zero(&pads, sizeof pads); }
};

// The parts are hashed as if they stood one behind the other. Does not allocate.
void hmac_sha1(const KeyState::HmacPads& pads, std::span<const ByteView> parts, std::uint8_t out[20]) noexcept;

// Compares in time that depends only on `size`.
[[nodiscard]] bool equal_constant_time(const std::uint8_t* a, const std::uint8_t* b, std::size_t size) noexcept;

}  // namespace sluice::srtp
