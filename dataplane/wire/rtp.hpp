// RTP packets (RFC 3550) and their header extensions (RFC 8285): a view that parses with bounds. It
// sees a whole plaintext packet, or the clear header of an SRTP packet. Building is rtp_writer.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::wire {

inline constexpr std::size_t rtp_header_size = 12;
inline constexpr std::uint16_t rtp_one_byte_profile = 0xbede;
inline constexpr std::uint16_t rtp_two_byte_profile = 0x1000;  // the low 4 bits are application bits

enum class RtpError : std::uint8_t {
    truncated_header,
    bad_version,
    truncated_csrc,
    truncated_extension,
    bad_padding,  // zero, or more than the payload
};
[[nodiscard]] std::string_view to_string(RtpError error) noexcept;

class RtpView {
public:
    enum class Padding : std::uint8_t {
        remove,  // plaintext: the last byte says how much
        keep,    // SRTP: it is ciphertext still, so payload() is all that follows the header
    };
    [[nodiscard]] static std::expected<RtpView, RtpError> parse(ByteView packet, Padding padding = Padding::remove) noexcept;

    [[nodiscard]] ByteView packet() const noexcept { return packet_; }
    [[nodiscard]] bool marker() const noexcept { return (packet_[1] & 0x80) != 0; }
    [[nodiscard]] bool has_padding() const noexcept { return (packet_[0] & 0x20) != 0; }
    [[nodiscard]] bool has_extension() const noexcept { return (packet_[0] & 0x10) != 0; }
    [[nodiscard]] std::uint8_t csrc_count() const noexcept { return packet_[0] & 0x0f; }
    [[nodiscard]] std::uint8_t payload_type() const noexcept { return packet_[1] & 0x7f; }
    [[nodiscard]] std::uint16_t sequence() const noexcept { return load<be16>(packet_.data() + 2).value(); }
    [[nodiscard]] std::uint32_t timestamp() const noexcept { return load<be32>(packet_.data() + 4).value(); }
    [[nodiscard]] std::uint32_t ssrc() const noexcept { return load<be32>(packet_.data() + 8).value(); }
    // The caller has checked index < csrc_count().
    [[nodiscard]] std::uint32_t csrc(std::size_t index) const noexcept {
        return load<be32>(packet_.data() + rtp_header_size + 4 * index).value();
    }

    // Fixed header, CSRCs and extension.
    [[nodiscard]] std::size_t header_size() const noexcept { return header_size_; }
    [[nodiscard]] std::size_t padding_size() const noexcept { return padding_size_; }
    [[nodiscard]] ByteView payload() const noexcept {
        return packet_.subspan(header_size_, packet_.size() - header_size_ - padding_size_);
    }

    // "defined by profile"; 0 without an extension.
    [[nodiscard]] std::uint16_t extension_profile() const noexcept { return extension_profile_; }
    // What follows the extension's 4-byte header.
    [[nodiscard]] ByteView extension() const noexcept {
        return packet_.subspan(header_size_ - extension_size_, extension_size_);
    }

    // Calls fn(uint8_t id, ByteView value) for each element of a one-byte or two-byte block. Returns
    // false if an element overruns the block (those before it have been seen); an unknown profile has none.
    template <typename F>
    bool for_each_extension(F&& fn) const {
        if (extension_profile_ == rtp_one_byte_profile) return for_each_one_byte(fn);
        if ((extension_profile_ & 0xfff0) == rtp_two_byte_profile) return for_each_two_byte(fn);
        return true;
    }

    // The first element with this id.
    [[nodiscard]] std::optional<ByteView> find_extension(std::uint8_t id) const noexcept;

private:
    RtpView() = default;

    template <typename F>
    bool for_each_one_byte(F& fn) const {
        const ByteView block = extension();
        std::size_t at = 0;
        while (at < block.size()) {
            const std::uint8_t id = block[at] >> 4;
            const std::size_t length = (block[at] & 0x0f) + std::size_t{1};
            if (block[at] == 0) {
                ++at;
                continue;
            }
            if (id == 15) return true;  // reserved: processing stops here (RFC 8285 section 4.2)
            if (length > block.size() - at - 1) return false;
            // An id of 0 with a length is no padding byte; it is skipped as a whole.
            if (id != 0) fn(id, block.subspan(at + 1, length));
            at += 1 + length;
        }
        return true;
    }

    template <typename F>
    bool for_each_two_byte(F& fn) const {
        const ByteView block = extension();
        std::size_t at = 0;
        while (at < block.size()) {
            const std::uint8_t id = block[at];
            if (id == 0) {
                ++at;
                continue;
            }
            if (block.size() - at < 2) return false;
            const std::size_t length = block[at + 1];
            if (length > block.size() - at - 2) return false;
            fn(id, block.subspan(at + 2, length));
            at += 2 + length;
        }
        return true;
    }

    ByteView packet_;
    std::uint32_t header_size_ = 0;
    std::uint32_t extension_size_ = 0;
    std::uint16_t extension_profile_ = 0;
    std::uint8_t padding_size_ = 0;
};

}  // namespace sluice::wire
