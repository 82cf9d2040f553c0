// STUN messages (RFC 8489) as ICE uses them (RFC 8445): constants and a view that parses with bounds.
// Nothing is copied; the view is valid as long as the bytes are. Building is stun_writer.hpp.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/endpoint.hpp"

namespace sluice::wire {

inline constexpr std::uint32_t stun_cookie = 0x2112a442;
inline constexpr std::size_t stun_header_size = 20;
// "STUN", so that the CRC differs from that of a protocol that carries STUN inside.
inline constexpr std::uint32_t stun_fingerprint_mask = 0x5354554e;
inline constexpr std::size_t stun_hmac_size = 20;

using StunTransactionId = std::array<std::uint8_t, 12>;

// Message type of the Binding method: class bits and method together, as in the header.
enum class StunType : std::uint16_t {
    binding_request = 0x0001,
    binding_indication = 0x0011,
    binding_success = 0x0101,
    binding_error = 0x0111,
};

enum class StunAttribute : std::uint16_t {
    mapped_address = 0x0001,
    username = 0x0006,
    message_integrity = 0x0008,
    error_code = 0x0009,
    unknown_attributes = 0x000a,
    realm = 0x0014,
    nonce = 0x0015,
    message_integrity_sha256 = 0x001c,
    xor_mapped_address = 0x0020,
    priority = 0x0024,
    use_candidate = 0x0025,
    software = 0x8022,
    fingerprint = 0x8028,
    ice_controlled = 0x8029,
    ice_controlling = 0x802a,
};

enum class StunError : std::uint8_t {
    truncated_header,
    bad_leading_bits,  // the two top bits are not zero
    bad_cookie,
    bad_length,  // not a multiple of 4, or not what follows the header
    attribute_overruns,
    bad_attribute_length,  // or content, of an attribute whose form is fixed
    fingerprint_not_last,
};
[[nodiscard]] std::string_view to_string(StunError error) noexcept;

struct StunErrorCode {
    std::uint16_t code;  // 300..699
    std::string_view reason;
};

// HMAC-SHA1 under the caller's key over the concatenation of `parts`, into 20 bytes.
template <typename H>
concept StunHmac = std::invocable<H&, std::span<const ByteView>, std::uint8_t*>;

class StunView {
public:
    // `bytes` is exactly one message: a whole UDP payload.
    [[nodiscard]] static std::expected<StunView, StunError> parse(ByteView bytes) noexcept;

    [[nodiscard]] ByteView bytes() const noexcept { return bytes_; }
    [[nodiscard]] StunType type() const noexcept;
    [[nodiscard]] StunTransactionId transaction_id() const noexcept;

    // Of an attribute that occurs more than once the first counts; those after MESSAGE-INTEGRITY
    // are ignored, FINGERPRINT excepted (RFC 8489 section 14.5).
    [[nodiscard]] std::optional<std::string_view> username() const noexcept;
    [[nodiscard]] std::optional<std::string_view> software() const noexcept;
    [[nodiscard]] std::optional<std::uint32_t> priority() const noexcept;
    [[nodiscard]] bool use_candidate() const noexcept;
    [[nodiscard]] std::optional<std::uint64_t> ice_controlling() const noexcept;  // the tie-breaker
    [[nodiscard]] std::optional<std::uint64_t> ice_controlled() const noexcept;   // the tie-breaker
    [[nodiscard]] std::optional<Endpoint> xor_mapped_address() const noexcept;
    [[nodiscard]] std::optional<StunErrorCode> error_code() const noexcept;

    // Comprehension-required types (below 0x8000) that StunAttribute does not name; at most 8 are kept.
    [[nodiscard]] std::span<const std::uint16_t> unknown_required() const noexcept {
        return {unknown_.data(), unknown_count_};
    }

    [[nodiscard]] bool has_message_integrity() const noexcept { return message_integrity_ != 0; }
    // False also when the attribute is absent. The comparison takes constant time.
    template <StunHmac H>
    [[nodiscard]] bool message_integrity_valid(H&& hmac) const {
        if (!has_message_integrity()) return false;
        // The length that was hashed counts MESSAGE-INTEGRITY but nothing after it.
        const std::size_t hashed_length = message_integrity_ + 4 + stun_hmac_size - stun_header_size;
        const std::array<std::uint8_t, 2> length{static_cast<std::uint8_t>(hashed_length >> 8),
                                                 static_cast<std::uint8_t>(hashed_length)};
        const std::array<ByteView, 3> parts{bytes_.first(2), ByteView{length},
                                            bytes_.subspan(4, message_integrity_ - std::size_t{4})};
        std::array<std::uint8_t, stun_hmac_size> computed{};
        hmac(std::span<const ByteView>{parts}, computed.data());
        std::uint8_t difference = 0;
        for (std::size_t i = 0; i < stun_hmac_size; ++i) {
            difference |= static_cast<std::uint8_t>(computed[i] ^ bytes_[message_integrity_ + 4 + i]);
        }
        return difference == 0;
    }

    [[nodiscard]] bool has_fingerprint() const noexcept { return fingerprint_ != 0; }
    // False also when the attribute is absent.
    [[nodiscard]] bool fingerprint_valid() const noexcept;

private:
    explicit StunView(ByteView bytes) noexcept : bytes_(bytes) {}
    // Offset of the attribute's header, or 0 for absent.
    std::uint16_t* slot_of(std::uint16_t type) noexcept;
    [[nodiscard]] ByteView value_at(std::uint16_t offset) const noexcept;

    ByteView bytes_;
    std::uint16_t username_ = 0;
    std::uint16_t software_ = 0;
    std::uint16_t priority_ = 0;
    std::uint16_t use_candidate_ = 0;
    std::uint16_t ice_controlling_ = 0;
    std::uint16_t ice_controlled_ = 0;
    std::uint16_t xor_mapped_address_ = 0;
    std::uint16_t error_code_ = 0;
    std::uint16_t message_integrity_ = 0;
    std::uint16_t fingerprint_ = 0;
    std::array<std::uint16_t, 8> unknown_{};
    std::uint8_t unknown_count_ = 0;
};

}  // namespace sluice::wire
