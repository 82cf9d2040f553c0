#include "tools/sluicectl/format.hpp"

#include <gtest/gtest.h>

#include <array>

namespace sluice::ctl {
namespace {

using namespace std::chrono_literals;

TEST(Format, GroupsDigits) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(Format, KeepsThreeDigitsThatMatter) {
    EXPECT_EQ(si(0), "0");
    EXPECT_EQ(si(950), "950");
    EXPECT_EQ(si(0.25), "0.25");
    EXPECT_EQ(si(1250), "1.25k");
    EXPECT_EQ(si(99'960), "100k");
    EXPECT_EQ(si(999'700), "1.00M");
    EXPECT_EQ(si(3.1e6), "3.10M");
    EXPECT_EQ(bits_per_second(1e10), "10.0 Gbit/s");
    EXPECT_EQ(bytes(64 << 20), "64.0 MiB");
    EXPECT_EQ(bytes(100), "100 B");
    EXPECT_EQ(percent(0.1234), "12.3 %");
    EXPECT_EQ(microseconds(1250), "1.25 ms");
}

TEST(Format, TellsTime) {
    EXPECT_EQ(duration(59s), "00:00:59");
    EXPECT_EQ(duration(24h * 3 + 3661s), "3d 01:01:01");
    EXPECT_EQ(utc_time(1'700'000'000'042), "2023-11-14 22:13:20.042Z");
    EXPECT_EQ(utc_time(-5), "-5");
}

TEST(Format, WritesIdsAsTheControlPlaneDoes) {
    EXPECT_EQ(hex_id(0xabc), "0000000000000abc");
    EXPECT_EQ(parse_id("0000000000000abc"), 0xabcU);
    EXPECT_EQ(parse_id("0xABC"), 0xabcU);
    for (const char* bad : {"", "0", "0x", "xyz", "12 ", "11112222333344445"}) EXPECT_FALSE(parse_id(bad)) << bad;
    EXPECT_EQ(mac(std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 0xfe}), "02:00:00:00:00:fe");
}

TEST(Format, ReadsDurations) {
    EXPECT_EQ(parse_duration("90"), 90s);
    EXPECT_EQ(parse_duration("15m"), 15min);
    EXPECT_EQ(parse_duration("6h"), 6h);
    EXPECT_EQ(parse_duration("30d"), 720h);
    for (const char* bad : {"", "h", "0", "-1s", "1w", "1.5h", "3651d", "99999999999999999999"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

}  // namespace
}  // namespace sluice::ctl
