#include "dataplane/wire/stun_writer.hpp"

#include <algorithm>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/crc32.hpp"

namespace sluice::wire {
namespace {

void put(std::uint8_t* at, ByteView bytes) noexcept {
    if (at != nullptr) std::ranges::copy(bytes, at);
}

ByteView bytes_of_text(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

StunWriter::StunWriter(ByteSpan out, StunType type, const StunTransactionId& transaction_id) noexcept : out_(out) {
    if (out.size() < stun_header_size) {
        failed_ = true;
        return;
    }
    store(out_.data(), be16{static_cast<std::uint16_t>(type)});
    store(out_.data() + 2, be16{0});
    store(out_.data() + 4, be32{stun_cookie});
    store(out_.data() + 8, transaction_id);
    used_ = stun_header_size;
}

std::uint8_t* StunWriter::append(StunAttribute type, std::size_t length) noexcept {
    if (failed_) return nullptr;
    const std::size_t padded = (length + 3) & ~std::size_t{3};
    // The message length field counts what follows the header, in 16 bits.
    const std::size_t room = std::min(out_.size(), std::size_t{0xffff}) - used_;
    if (length > 0xffff || room < 4 || padded > room - 4) {
        failed_ = true;
        return nullptr;
    }
    std::uint8_t* at = out_.data() + used_;
    store(at, be16{static_cast<std::uint16_t>(type)});
    store(at + 2, be16{static_cast<std::uint16_t>(length)});
    std::fill_n(at + 4, padded, std::uint8_t{0});
    used_ += 4 + padded;
    store(out_.data() + 2, be16{static_cast<std::uint16_t>(used_ - stun_header_size)});
    return at + 4;
}

void StunWriter::add_attribute(StunAttribute type, ByteView value) noexcept {
    put(append(type, value.size()), value);
}

void StunWriter::add_username(std::string_view username) noexcept {
    add_attribute(StunAttribute::username, bytes_of_text(username));
}

void StunWriter::add_software(std::string_view software) noexcept {
    add_attribute(StunAttribute::software, bytes_of_text(software));
}

void StunWriter::add_priority(std::uint32_t priority) noexcept {
    add_attribute(StunAttribute::priority, bytes_of(be32{priority}));
}

void StunWriter::add_use_candidate() noexcept {
    add_attribute(StunAttribute::use_candidate, {});
}

void StunWriter::add_ice_controlling(std::uint64_t tie_breaker) noexcept {
    add_attribute(StunAttribute::ice_controlling, bytes_of(be64{tie_breaker}));
}

void StunWriter::add_ice_controlled(std::uint64_t tie_breaker) noexcept {
    add_attribute(StunAttribute::ice_controlled, bytes_of(be64{tie_breaker}));
}

void StunWriter::add_xor_mapped_address(const Endpoint& endpoint) noexcept {
    const bool v4 = endpoint.address.is_v4();
    const ByteView address = v4 ? ByteView{endpoint.address.bytes}.last(4) : ByteView{endpoint.address.bytes};
    std::uint8_t* at = append(StunAttribute::xor_mapped_address, 4 + address.size());
    if (at == nullptr) return;
    at[1] = v4 ? 1 : 2;
    store(at + 2, be16{static_cast<std::uint16_t>(endpoint.port ^ (stun_cookie >> 16))});
    for (std::size_t i = 0; i < address.size(); ++i) at[4 + i] = static_cast<std::uint8_t>(address[i] ^ out_[4 + i]);
}

void StunWriter::add_error_code(std::uint16_t code, std::string_view reason) noexcept {
    std::uint8_t* at = append(StunAttribute::error_code, 4 + reason.size());
    if (at == nullptr) return;
    at[2] = static_cast<std::uint8_t>(code / 100);
    at[3] = static_cast<std::uint8_t>(code % 100);
    put(at + 4, bytes_of_text(reason));
}

void StunWriter::add_unknown_attributes(std::span<const std::uint16_t> types) noexcept {
    std::uint8_t* at = append(StunAttribute::unknown_attributes, 2 * types.size());
    if (at == nullptr) return;
    for (std::size_t i = 0; i < types.size(); ++i) store(at + 2 * i, be16{types[i]});
}

void StunWriter::add_fingerprint() noexcept {
    const std::size_t covered = used_;
    std::uint8_t* at = append(StunAttribute::fingerprint, 4);
    if (at == nullptr) return;
    store(at, be32{crc32(out_.first(covered)) ^ stun_fingerprint_mask});
}

ByteView StunWriter::finish() const noexcept {
    return failed_ ? ByteView{} : ByteView{out_.first(used_)};
}

}  // namespace sluice::wire
