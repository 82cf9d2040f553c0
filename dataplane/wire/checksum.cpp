#include "dataplane/wire/checksum.hpp"

namespace sluice::wire {

std::uint64_t checksum_add(std::uint64_t sum, ByteView bytes) noexcept {
    const std::uint8_t* at = bytes.data();
    std::size_t left = bytes.size();
    // Two accumulators of 32-bit words: no carry can leave 64 bits within 2^32 words.
    std::uint64_t even = 0;
    std::uint64_t odd = 0;
    for (; left >= 16; at += 16, left -= 16) {
        const auto low = load<std::uint64_t>(at);
        const auto high = load<std::uint64_t>(at + 8);
        even += (low & 0xffffffff) + (high & 0xffffffff);
        odd += (low >> 32) + (high >> 32);
    }
    sum = (sum & 0xffffffff) + (sum >> 32) + even + odd;
    for (; left >= 4; at += 4, left -= 4) sum += load<std::uint32_t>(at);
    if (left >= 2) {
        sum += load<std::uint16_t>(at);
        at += 2;
        left -= 2;
    }
    if (left != 0) {
        const std::uint8_t last[2] = {*at, 0};
        sum += load<std::uint16_t>(last);
    }
    return sum;
}

std::uint64_t pseudo_header4(be32 source, be32 destination, std::uint8_t protocol, std::uint16_t length) noexcept {
    return std::uint64_t{source.raw()} + destination.raw() + be16{protocol}.raw() + be16{length}.raw();
}

std::uint64_t pseudo_header6(const std::array<std::uint8_t, 16>& source, const std::array<std::uint8_t, 16>& destination,
                             std::uint8_t protocol, std::uint32_t length) noexcept {
    const std::uint64_t addresses = checksum_add(checksum_add(0, source), destination);
    return addresses + be32{length}.raw() + be32{protocol}.raw();
}

be16 udp4_checksum(be32 source, be32 destination, ByteView udp) noexcept {
    const auto length = static_cast<std::uint16_t>(udp.size());
    return checksum_finish_udp(checksum_add(pseudo_header4(source, destination, protocol_udp, length), udp));
}

be16 udp6_checksum(const std::array<std::uint8_t, 16>& source, const std::array<std::uint8_t, 16>& destination,
                   ByteView udp) noexcept {
    const auto length = static_cast<std::uint32_t>(udp.size());
    return checksum_finish_udp(checksum_add(pseudo_header6(source, destination, protocol_udp, length), udp));
}

}  // namespace sluice::wire
