#include "dataplane/base/crc32.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

TEST(Crc32, GivesTheCheckValue) {
    constexpr std::string_view text = "123456789";
    EXPECT_EQ(crc32({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}), 0xcbf43926U);
    EXPECT_EQ(crc32({}), 0U);
}

TEST(Crc32, EqualsTheBitwiseDefinitionAndContinues) {
    std::mt19937 random(1);
    for (int round = 0; round < 500; ++round) {
        std::vector<std::uint8_t> bytes(random() % 200);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        std::uint32_t expected = 0xffffffff;
        for (const std::uint8_t byte : bytes) {
            expected ^= byte;
            for (int bit = 0; bit < 8; ++bit) expected = (expected >> 1) ^ ((expected & 1) != 0 ? 0xedb88320U : 0U);
        }
        expected = ~expected;
        ASSERT_EQ(crc32(bytes), expected);
        const std::size_t cut = bytes.empty() ? 0 : random() % bytes.size();
        ASSERT_EQ(crc32(ByteView{bytes}.subspan(cut), crc32(ByteView{bytes}.first(cut))), expected);
    }
}

}  // namespace
}  // namespace sluice
