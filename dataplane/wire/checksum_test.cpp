#include "dataplane/wire/checksum.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sluice::wire {
namespace {

std::uint16_t naive(ByteView bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i]) << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

TEST(Checksum, GivesTheExampleOfRfc1071) {
    const std::vector<std::uint8_t> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    EXPECT_EQ(internet_checksum(bytes).value(), static_cast<std::uint16_t>(~0xddf2U));
}

TEST(Checksum, EqualsTheNaiveSumOverRandomInputs) {
    std::mt19937 random(7);
    for (int round = 0; round < 200'000; ++round) {
        std::uint8_t bytes[96];
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        if (round % 50 == 0) std::fill(std::begin(bytes), std::end(bytes), std::uint8_t{0xff});
        const ByteView view{bytes + random() % 8, random() % 88};
        ASSERT_EQ(internet_checksum(view).value(), naive(view)) << view.size();
    }
}

TEST(Checksum, EqualsTheNaiveSumOverLargeInputs) {
    std::vector<std::uint8_t> bytes(65535, 0xff);
    EXPECT_EQ(internet_checksum(bytes).value(), naive(bytes));
    std::mt19937 random(8);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    EXPECT_EQ(internet_checksum(bytes).value(), naive(bytes));
}

TEST(Checksum, DoesNotDependOnEvenChunking) {
    std::mt19937 random(9);
    std::vector<std::uint8_t> bytes(301);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 2) {
        const ByteView view{bytes};
        EXPECT_EQ(checksum_finish(checksum_add(checksum_add(0, view.first(cut)), view.subspan(cut))).value(), naive(view));
    }
}

TEST(Checksum, UpdatesIncrementallyAsIfComputedAnew) {
    std::mt19937 random(10);
    std::uint8_t bytes[20];
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    for (int round = 0; round < 100'000; ++round) {
        const be16 before = load<be16>(bytes + 4);
        const be16 old_sum = internet_checksum(bytes);
        const be16 after{static_cast<std::uint16_t>(random())};
        store(bytes + 4, after);
        ASSERT_EQ(checksum_update(old_sum, before, after).value(), internet_checksum(bytes).value());
    }
}

TEST(Checksum, OfUdpIsNeverZero) {
    // The payload is chosen so that the sum is 0xffff: its complement would read "no checksum".
    std::uint8_t udp[10] = {0x10, 0, 0x20, 0, 0, 10, 0, 0, 0, 0};
    const be32 source{0x0a000001};
    const be32 destination{0x0a000002};
    const be16 first = udp4_checksum(source, destination, udp);
    store(udp + 8, first);
    EXPECT_EQ(udp4_checksum(source, destination, udp).value(), 0xffff);
}

}  // namespace
}  // namespace sluice::wire
