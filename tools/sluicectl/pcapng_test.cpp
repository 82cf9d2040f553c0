#include "tools/sluicectl/pcapng.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tools/sluicectl/format.hpp"

namespace sluice::ctl::pcapng {
namespace {

std::string hex_of(const std::string& bytes) {
    return hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}
std::string without_blanks(std::string text) {
    std::erase(text, ' ');
    return text;
}

// Bytes by hand from draft-ietf-opsawg-pcapng, sections 4.1, 4.2, 4.3 and 4.6.
TEST(Pcapng, SectionHeader) {
    EXPECT_EQ(hex_of(block(Section{"a", "bc"})),
              without_blanks("0a0d0d0a 30000000 4d3c2b1a 01000000 ffffffffffffffff 01000200 62630000 04000100 61000000 "
                             "00000000 30000000"));
}

TEST(Pcapng, InterfaceDescription) {
    EXPECT_EQ(hex_of(block(Interface{"w0", "", 96})),
              without_blanks("01000000 28000000 01000000 60000000 02000200 77300000 09000100 09000000 00000000 28000000"));
}

TEST(Pcapng, EnhancedPacketWithDirectionAndDropCount) {
    const std::array<std::uint8_t, 5> bytes{1, 2, 3, 4, 5};
    Packet packet{1, abi::Direction::tx, 0x0102030405060708, 1500, 3, bytes};
    EXPECT_EQ(hex_of(block(packet)),
              without_blanks("06000000 40000000 01000000 04030201 08070605 05000000 dc050000 0102030405000000 "
                             "02000400 02000000 04000800 0300000000000000 00000000 40000000"));
    packet.direction = abi::Direction::rx;
    packet.lost_before = 0;
    packet.bytes = {};
    EXPECT_EQ(hex_of(block(packet)), without_blanks("06000000 2c000000 01000000 04030201 08070605 00000000 dc050000 "
                                                    "02000400 01000000 00000000 2c000000"));
}

TEST(Pcapng, InterfaceStatistics) {
    EXPECT_EQ(hex_of(block(Statistics{2, 1, 2, 10, 4})),
              without_blanks("05000000 4c000000 02000000 00000000 02000000 02000800 0000000001000000 "
                             "03000800 0000000002000000 04000800 0a00000000000000 05000800 0400000000000000 "
                             "00000000 4c000000"));
}

TEST(Pcapng, EveryBlockIsAMultipleOfFourAndTellsItsLengthTwice) {
    for (std::size_t n = 0; n < 9; ++n) {
        const std::string b = block(Section{std::string(n, 'x'), std::string(2 * n, 'y')});
        std::uint32_t first = 0, last = 0;
        std::memcpy(&first, b.data() + 4, 4);
        std::memcpy(&last, b.data() + b.size() - 4, 4);
        EXPECT_EQ(b.size() % 4, 0u);
        EXPECT_EQ(first, b.size());
        EXPECT_EQ(last, b.size());
    }
}

}  // namespace
}  // namespace sluice::ctl::pcapng
