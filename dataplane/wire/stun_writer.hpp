// Builds a STUN message (RFC 8489) in the caller's buffer. Attributes are appended in the order of the
// calls; MESSAGE-INTEGRITY and then FINGERPRINT come last, which is the caller's to keep. What does not
// fit is not written at all, and from then on the writer has failed and finish() is empty.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/endpoint.hpp"
#include "dataplane/wire/stun.hpp"

namespace sluice::wire {

class StunWriter {
public:
    StunWriter(ByteSpan out, StunType type, const StunTransactionId& transaction_id) noexcept;

    void add_attribute(StunAttribute type, ByteView value) noexcept;
    void add_username(std::string_view username) noexcept;
    void add_software(std::string_view software) noexcept;
    void add_priority(std::uint32_t priority) noexcept;
    void add_use_candidate() noexcept;
    void add_ice_controlling(std::uint64_t tie_breaker) noexcept;
    void add_ice_controlled(std::uint64_t tie_breaker) noexcept;
    void add_xor_mapped_address(const Endpoint& endpoint) noexcept;
    // `code` 300..699; the reason is UTF-8 of fewer than 128 characters.
    void add_error_code(std::uint16_t code, std::string_view reason) noexcept;
    void add_unknown_attributes(std::span<const std::uint16_t> types) noexcept;

    template <StunHmac H>
    void add_message_integrity(H&& hmac) {
        const std::size_t hashed = used_;
        std::uint8_t* value = append(StunAttribute::message_integrity, stun_hmac_size);
        if (value == nullptr) return;
        const std::array<ByteView, 1> parts{ByteView{out_.data(), hashed}};
        hmac(std::span<const ByteView>{parts}, value);
    }
    void add_fingerprint() noexcept;

    [[nodiscard]] bool failed() const noexcept { return failed_; }
    // The message, or an empty view if anything did not fit.
    [[nodiscard]] ByteView finish() const noexcept;

private:
    // Header and zeroed, padded value, with the message length raised; null when it does not fit.
    std::uint8_t* append(StunAttribute type, std::size_t length) noexcept;

    ByteSpan out_;
    std::size_t used_ = 0;
    bool failed_ = false;
};

}  // namespace sluice::wire
