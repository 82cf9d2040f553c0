#include "dataplane/media/red.hpp"

namespace sluice::media {

std::optional<RedPrimary> find_red_primary(ByteView payload) noexcept {
    constexpr std::uint8_t follows = 0x80;
    std::size_t header = 0;
    std::size_t redundant = 0;  // bytes of the blocks before the primary one
    while (header < payload.size() && (payload[header] & follows) != 0) {
        if (payload.size() - header < 4) return std::nullopt;
        // 14 bits of timestamp offset, then 10 of length.
        redundant += (payload[header + 2] & 0x03U) << 8 | payload[header + 3];
        header += 4;
    }
    if (header >= payload.size()) return std::nullopt;
    const std::size_t offset = header + 1 + redundant;
    if (offset >= payload.size() || offset > 0xffff) return std::nullopt;
    return RedPrimary{payload[header], static_cast<std::uint16_t>(offset)};
}

}  // namespace sluice::media
