#include "dataplane/wire/stun.hpp"

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/crc32.hpp"

namespace sluice::wire {
namespace {

constexpr std::uint8_t family_v4 = 1;
constexpr std::uint8_t family_v6 = 2;

std::uint16_t word_at(ByteView bytes, std::size_t at) noexcept {
    return load<be16>(bytes.data() + at).value();
}

bool named(std::uint16_t type) noexcept {
    switch (static_cast<StunAttribute>(type)) {
        case StunAttribute::mapped_address:
        case StunAttribute::username:
        case StunAttribute::message_integrity:
        case StunAttribute::error_code:
        case StunAttribute::unknown_attributes:
        case StunAttribute::realm:
        case StunAttribute::nonce:
        case StunAttribute::message_integrity_sha256:
        case StunAttribute::xor_mapped_address:
        case StunAttribute::priority:
        case StunAttribute::use_candidate: return true;
        default: return false;
    }
}

bool content_is_good(std::uint16_t type, ByteView value) noexcept {
    switch (static_cast<StunAttribute>(type)) {
        case StunAttribute::username: return value.size() <= 513;
        case StunAttribute::message_integrity: return value.size() == stun_hmac_size;
        case StunAttribute::priority:
        case StunAttribute::fingerprint: return value.size() == 4;
        case StunAttribute::use_candidate: return value.empty();
        case StunAttribute::ice_controlled:
        case StunAttribute::ice_controlling: return value.size() == 8;
        case StunAttribute::error_code: {
            if (value.size() < 4) return false;
            const unsigned hundreds = value[2] & 7U;
            return hundreds >= 3 && hundreds <= 6 && value[3] < 100;
        }
        case StunAttribute::xor_mapped_address:
            return (value.size() == 8 && value[1] == family_v4) || (value.size() == 20 && value[1] == family_v6);
        default: return true;
    }
}

}  // namespace

std::expected<StunView, StunError> StunView::parse(ByteView bytes) noexcept {
    if (bytes.size() < stun_header_size) return std::unexpected(StunError::truncated_header);
    if ((bytes[0] & 0xc0) != 0) return std::unexpected(StunError::bad_leading_bits);
    if (load<be32>(bytes.data() + 4).value() != stun_cookie) return std::unexpected(StunError::bad_cookie);
    const std::size_t length = word_at(bytes, 2);
    if (length % 4 != 0 || length != bytes.size() - stun_header_size) return std::unexpected(StunError::bad_length);
    // The slots hold offsets in 16 bits.
    if (bytes.size() > 0xffff) return std::unexpected(StunError::bad_length);

    StunView view(bytes);
    for (std::size_t at = stun_header_size; at < bytes.size();) {
        // `length` is a multiple of 4, and so is every step: a header always fits here.
        const std::uint16_t type = word_at(bytes, at);
        const std::size_t size = word_at(bytes, at + 2);
        const std::size_t padded = (size + 3) & ~std::size_t{3};
        if (padded > bytes.size() - at - 4) return std::unexpected(StunError::attribute_overruns);
        if (view.has_fingerprint()) return std::unexpected(StunError::fingerprint_not_last);
        if (!content_is_good(type, bytes.subspan(at + 4, size))) {
            return std::unexpected(StunError::bad_attribute_length);
        }
        const bool is_fingerprint = type == static_cast<std::uint16_t>(StunAttribute::fingerprint);
        if (!view.has_message_integrity() || is_fingerprint) {
            std::uint16_t* slot = view.slot_of(type);
            if (slot != nullptr && *slot == 0) *slot = static_cast<std::uint16_t>(at);
            if (slot == nullptr && type < 0x8000 && !named(type) && view.unknown_count_ < view.unknown_.size()) {
                view.unknown_[view.unknown_count_++] = type;
            }
        }
        at += 4 + padded;
    }
    return view;
}

std::uint16_t* StunView::slot_of(std::uint16_t type) noexcept {
    switch (static_cast<StunAttribute>(type)) {
        case StunAttribute::username: return &username_;
        case StunAttribute::software: return &software_;
        case StunAttribute::priority: return &priority_;
        case StunAttribute::use_candidate: return &use_candidate_;
        case StunAttribute::ice_controlling: return &ice_controlling_;
        case StunAttribute::ice_controlled: return &ice_controlled_;
        case StunAttribute::xor_mapped_address: return &xor_mapped_address_;
        case StunAttribute::error_code: return &error_code_;
        case StunAttribute::message_integrity: return &message_integrity_;
        case StunAttribute::fingerprint: return &fingerprint_;
        default: return nullptr;
    }
}

ByteView StunView::value_at(std::uint16_t offset) const noexcept {
    return bytes_.subspan(offset + std::size_t{4}, word_at(bytes_, offset + std::size_t{2}));
}

StunType StunView::type() const noexcept {
    return static_cast<StunType>(word_at(bytes_, 0));
}

StunTransactionId StunView::transaction_id() const noexcept {
    return load<StunTransactionId>(bytes_.data() + 8);
}

namespace {
std::string_view text_of(ByteView value) noexcept {
    return {reinterpret_cast<const char*>(value.data()), value.size()};
}
}  // namespace

std::optional<std::string_view> StunView::username() const noexcept {
    if (username_ == 0) return std::nullopt;
    return text_of(value_at(username_));
}

std::optional<std::string_view> StunView::software() const noexcept {
    if (software_ == 0) return std::nullopt;
    return text_of(value_at(software_));
}

std::optional<std::uint32_t> StunView::priority() const noexcept {
    if (priority_ == 0) return std::nullopt;
    return load<be32>(value_at(priority_).data()).value();
}

bool StunView::use_candidate() const noexcept {
    return use_candidate_ != 0;
}

std::optional<std::uint64_t> StunView::ice_controlling() const noexcept {
    if (ice_controlling_ == 0) return std::nullopt;
    return load<be64>(value_at(ice_controlling_).data()).value();
}

std::optional<std::uint64_t> StunView::ice_controlled() const noexcept {
    if (ice_controlled_ == 0) return std::nullopt;
    return load<be64>(value_at(ice_controlled_).data()).value();
}

std::optional<Endpoint> StunView::xor_mapped_address() const noexcept {
    if (xor_mapped_address_ == 0) return std::nullopt;
    const ByteView value = value_at(xor_mapped_address_);
    Endpoint endpoint;
    endpoint.port = static_cast<std::uint16_t>(word_at(value, 2) ^ (stun_cookie >> 16));
    // The mask is the cookie and then the transaction id: the header's bytes 4 to 19.
    if (value[1] == family_v4) {
        endpoint.address = IpAddress::from_v4(be32{load<be32>(value.data() + 4).value() ^ stun_cookie});
    } else {
        for (std::size_t i = 0; i < 16; ++i) {
            endpoint.address.bytes[i] = static_cast<std::uint8_t>(value[4 + i] ^ bytes_[4 + i]);
        }
    }
    return endpoint;
}

std::optional<StunErrorCode> StunView::error_code() const noexcept {
    if (error_code_ == 0) return std::nullopt;
    const ByteView value = value_at(error_code_);
    return StunErrorCode{static_cast<std::uint16_t>((value[2] & 7) * 100 + value[3]), text_of(value.subspan(4))};
}

bool StunView::fingerprint_valid() const noexcept {
    if (!has_fingerprint()) return false;
    const std::uint32_t expected = crc32(bytes_.first(fingerprint_)) ^ stun_fingerprint_mask;
    return load<be32>(value_at(fingerprint_).data()).value() == expected;
}

std::string_view to_string(StunError error) noexcept {
    switch (error) {
        case StunError::truncated_header: return "truncated_header";
        case StunError::bad_leading_bits: return "bad_leading_bits";
        case StunError::bad_cookie: return "bad_cookie";
        case StunError::bad_length: return "bad_length";
        case StunError::attribute_overruns: return "attribute_overruns";
        case StunError::bad_attribute_length: return "bad_attribute_length";
        case StunError::fingerprint_not_last: return "fingerprint_not_last";
    }
    return "unknown";
}

}  // namespace sluice::wire
