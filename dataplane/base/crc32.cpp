#include "dataplane/base/crc32.hpp"

#include <array>

namespace sluice {
namespace {

// Slicing by 4: a STUN message is about 100 bytes, so larger tables would cost more cache than they save.
constexpr auto tables = [] {
    std::array<std::array<std::uint32_t, 256>, 4> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
        t[0][i] = value;
    }
    for (std::size_t k = 1; k < 4; ++k) {
        for (std::size_t i = 0; i < 256; ++i) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
    }
    return t;
}();

}  // namespace

std::uint32_t crc32(ByteView bytes, std::uint32_t previous) noexcept {
    std::uint32_t crc = ~previous;
    std::size_t at = 0;
    for (; bytes.size() - at >= 4; at += 4) {
        crc ^= static_cast<std::uint32_t>(bytes[at]) | static_cast<std::uint32_t>(bytes[at + 1]) << 8 |
               static_cast<std::uint32_t>(bytes[at + 2]) << 16 | static_cast<std::uint32_t>(bytes[at + 3]) << 24;
        crc = tables[3][crc & 0xff] ^ tables[2][(crc >> 8) & 0xff] ^ tables[1][(crc >> 16) & 0xff] ^ tables[0][crc >> 24];
    }
    for (; at < bytes.size(); ++at) crc = (crc >> 8) ^ tables[0][(crc ^ bytes[at]) & 0xff];
    return ~crc;
}

}  // namespace sluice
