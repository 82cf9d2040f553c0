#include "dataplane/media/red.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sluice::media {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A block header and what it stands for.
void add_block(Bytes& headers, Bytes& blocks, std::uint8_t payload_type, std::uint16_t length) {
    headers.insert(headers.end(), {static_cast<std::uint8_t>(0x80 | payload_type), 0x0f,
                                   static_cast<std::uint8_t>(length >> 8 & 3), static_cast<std::uint8_t>(length)});
    blocks.insert(blocks.end(), length, 0xaa);
}

TEST(Red, FindsThePrimaryBlockBehindAnyNumberOfRepetitions) {
    EXPECT_EQ(find_red_primary(Bytes{111, 1, 2, 3}), (RedPrimary{111, 1})) << "Chromium's first packet repeats nothing";
    for (const std::vector<std::uint16_t>& lengths : {std::vector<std::uint16_t>{5}, {0}, {300, 2}, {1023, 1023, 7}}) {
        Bytes packet, blocks;
        for (const auto length : lengths) add_block(packet, blocks, 111, length);
        packet.push_back(96);
        packet.insert(packet.end(), blocks.begin(), blocks.end());
        const auto offset = static_cast<std::uint16_t>(packet.size());
        packet.push_back(1);
        EXPECT_EQ(find_red_primary(packet), (RedPrimary{96, offset}));
    }
}

TEST(Red, RefusesWhatDoesNotFit) {
    EXPECT_FALSE(find_red_primary({}));
    EXPECT_FALSE(find_red_primary(Bytes{111})) << "an empty primary block";
    EXPECT_FALSE(find_red_primary(Bytes{0x80 | 111, 0, 0, 0})) << "no primary header";
    EXPECT_FALSE(find_red_primary(Bytes{0x80 | 111, 0, 0, 4, 111, 1, 2, 3, 4})) << "a repetition that takes all";
    EXPECT_TRUE(find_red_primary(Bytes{0x80 | 111, 0, 0, 4, 111, 1, 2, 3, 4, 5}));
    EXPECT_FALSE(find_red_primary(Bytes(1200, 0xff))) << "headers without end";
    Bytes whole{0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2, 3, 9};
    for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(find_red_primary(ByteView(whole).first(n))) << n;
}

// What it finds lies within the payload and behind the headers, whatever the bytes.
TEST(Red, StaysWithinThePayload) {
    std::minstd_rand random(1);
    for (int i = 0; i < 100'000; ++i) {
        Bytes packet(random() % 64);
        for (auto& b : packet) b = static_cast<std::uint8_t>(random() % 5 == 0 ? 0x80 | random() : random() % 128);
        const auto primary = find_red_primary(packet);
        if (!primary) continue;
        ASSERT_LT(primary->offset, packet.size());
        ASSERT_GE(primary->offset, 1);
        ASSERT_LT(primary->payload_type, 128);
    }
}

}  // namespace
}  // namespace sluice::media
