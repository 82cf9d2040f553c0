// HMAC-SHA1 for the STUN codec, which takes it as a callable.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.hpp"

namespace sluice::ice {

// A wire::StunHmac. Any thread; the key outlives it.
class StunHmac {
public:
    // The short-term credential's key is the password as it stands (RFC 8489 section 9.1.1).
    explicit StunHmac(std::string_view password) noexcept : password_(password) {}

    // On an error of the library the result is zero bytes and ok() turns false.
    void operator()(std::span<const ByteView> parts, std::uint8_t* out) noexcept;
    [[nodiscard]] bool ok() const noexcept { return ok_; }

private:
    std::string_view password_;
    bool ok_ = true;
};

}  // namespace sluice::ice
