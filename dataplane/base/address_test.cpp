#include <gtest/gtest.h>

#include <unordered_set>

#include "dataplane/base/endpoint.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice {
namespace {

TEST(Mac, RoundTripsItsText) {
    const auto mac = Mac::parse("02:00:5E:10:00:fF");
    ASSERT_TRUE(mac);
    EXPECT_EQ(mac->to_string(), "02:00:5e:10:00:ff");
    EXPECT_FALSE(mac->is_multicast());
    EXPECT_TRUE(Mac::broadcast().is_multicast());
}

TEST(Mac, RefusesWhatIsNoMac) {
    for (const char* text : {"", "02:00:5e:10:00", "02:00:5e:10:00:0g", "02-00-5e-10-00-01", "02:00:5e:10:00:011"}) {
        EXPECT_FALSE(Mac::parse(text)) << text;
    }
}

TEST(IpAddress, HoldsV4InTheMappedForm) {
    const auto address = IpAddress::parse("192.0.2.33");
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->is_v4());
    EXPECT_EQ(address->v4().value(), 0xc0000221U);
    EXPECT_EQ(*address, IpAddress::from_v4(be32{0xc0000221}));
    EXPECT_EQ(address->to_string(), "192.0.2.33");
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.33"), address);
}

TEST(IpAddress, RoundTripsV6) {
    const auto address = IpAddress::parse("2001:DB8:0:0::1");
    ASSERT_TRUE(address);
    EXPECT_FALSE(address->is_v4());
    EXPECT_EQ(address->to_string(), "2001:db8::1");
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
    using namespace std::string_view_literals;
    for (const auto text : {""sv, "1.2.3"sv, "1.2.3.4 "sv, "1.2.3.256"sv, "[::1]"sv, "fe80::1%eth0"sv, "::1\0"sv,
                            "localhost"sv, "1:2:3:4:5:6:7:8:9"sv}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
    EXPECT_FALSE(IpAddress::parse(std::string(200, ':')));
}

TEST(IpAddress, TellsTheScopesApart) {
    const auto at = [](const char* text) { return IpAddress::parse(text).value(); };
    EXPECT_TRUE(at("::").is_unspecified());
    EXPECT_TRUE(at("0.0.0.0").is_unspecified());
    EXPECT_TRUE(at("127.8.0.1").is_loopback());
    EXPECT_TRUE(at("::1").is_loopback());
    EXPECT_FALSE(at("::2").is_loopback());
    EXPECT_TRUE(at("239.1.1.1").is_multicast());
    EXPECT_TRUE(at("ff02::1").is_multicast());
    EXPECT_TRUE(at("255.255.255.255").is_broadcast());
    EXPECT_TRUE(at("169.254.1.1").is_link_local());
    EXPECT_TRUE(at("fe80::1").is_link_local());
    for (const char* text : {"10.1.2.3", "172.31.255.255", "192.168.0.1", "fd00::1", "fe80::1", "::1"}) {
        EXPECT_TRUE(at(text).is_private()) << text;
    }
    for (const char* text : {"172.32.0.1", "11.0.0.1", "8.8.8.8", "2001:db8::1", "0.0.0.0", "::"}) {
        EXPECT_FALSE(at(text).is_private()) << text;
    }
}

TEST(Endpoint, RoundTripsBothFamilies) {
    for (const char* text : {"192.0.2.1:7882", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->to_string(), text);
    }
}

TEST(Endpoint, RefusesWhatIsAmbiguousOrOutOfRange) {
    for (const char* text : {"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:80x", "::1:80",
                             "[1.2.3.4]:80", "[::1]", "[::1:80", ":80", "1.2.3.4: 80"}) {
        EXPECT_FALSE(Endpoint::parse(text)) << text;
    }
}

TEST(Endpoint, HashSpreadsNeighboursOverLowBits) {
    std::unordered_set<std::uint64_t> buckets;
    for (std::uint32_t host = 0; host < 64; ++host) {
        for (std::uint16_t port = 0; port < 64; ++port) {
            buckets.insert(hash_of({IpAddress::from_v4(be32{0x0a000000 + host}), port}) & 0xffff);
        }
    }
    // 4096 balls in 65536 bins leave about 3970 bins filled.
    EXPECT_GT(buckets.size(), 3800U);
    EXPECT_NE(hash_of({}, 1), hash_of({}, 2));
}

}  // namespace
}  // namespace sluice
