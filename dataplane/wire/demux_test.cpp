#include "dataplane/wire/demux.hpp"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

TEST(Demux, FollowsTheRangesOfRfc9443) {
    const auto expected = [](int first) {
        if (first < 4) return PacketClass::stun;
        if (first < 16) return PacketClass::unknown;
        if (first < 20) return PacketClass::zrtp;
        if (first < 64) return PacketClass::dtls;
        if (first < 80) return PacketClass::turn_channel;
        if (first < 128) return PacketClass::quic;
        return first < 192 ? PacketClass::rtp : PacketClass::quic;
    };
    for (int first = 0; first < 256; ++first) {
        EXPECT_EQ(first_byte_class(static_cast<std::uint8_t>(first)), expected(first)) << first;
    }
}

TEST(Demux, TellsRtcpFromRtpByTheSecondByte) {
    EXPECT_TRUE(is_rtcp(200));
    EXPECT_TRUE(is_rtcp(192));
    EXPECT_TRUE(is_rtcp(223));
    EXPECT_FALSE(is_rtcp(191));
    EXPECT_FALSE(is_rtcp(224));
    EXPECT_FALSE(is_rtcp(96));
    EXPECT_FALSE(is_rtcp(0x80 | 111));
}

}  // namespace
}  // namespace sluice::wire
