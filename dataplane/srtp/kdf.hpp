// Session keys from a master key by AES-CM (RFC 3711 4.3, with the 96-bit salt of RFC 7714 11), key
// derivation rate 0: the keys hold for the life of the master key.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/srtp/suite.hpp"

namespace sluice::srtp {

// Lives on a stack for as long as a key is being expanded; zeroed at the end.
struct SessionKeys {
    struct Half {
        std::array<std::uint8_t, 16> key{};
        std::array<std::uint8_t, 20> auth{};  // HMAC-SHA1 only
        std::array<std::uint8_t, 16> salt{};  // 12 or 14 bytes, zero-padded
    };
    Half rtp;
    Half rtcp;

    SessionKeys() noexcept = default;  // for known-answer tests that begin at the session keys
    SessionKeys(Suite suite, const MasterKey& master) noexcept;
    SessionKeys(const SessionKeys&) = delete;
    SessionKeys& operator=(const SessionKeys&) = delete;
    ~SessionKeys() { secure_zero(this, sizeof *this); }
};

}  // namespace sluice::srtp
