#include "config/network.hpp"

#include <gtest/gtest.h>

#include "config/checks.hpp"

namespace sluice::config {
namespace {

TEST(Cidr, NeedsAnAddressAndAPrefixOfItsFamily) {
    const auto c = parse_cidr("10.0.0.1/24");
    ASSERT_TRUE(c);
    EXPECT_EQ(c->prefix, 24);
    EXPECT_EQ(c->address.to_string(), "10.0.0.1");
    EXPECT_TRUE(parse_cidr("fd00::1/128"));
    for (const char* bad : {"", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/2x", "/24"}) {
        EXPECT_FALSE(parse_cidr(bad)) << bad;
    }
}

TEST(AdvertisedAddress, IsOneAddressOrAPairOfOneFamily) {
    const auto plain = parse_advertised("203.0.113.5");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->local, plain->advertised);
    const auto nat = parse_advertised("10.0.0.4=203.0.113.5");
    ASSERT_TRUE(nat);
    EXPECT_EQ(nat->local.to_string(), "10.0.0.4");
    EXPECT_EQ(nat->advertised.to_string(), "203.0.113.5");
    for (const char* bad : {"", "=", "10.0.0.4=", "=10.0.0.4", "10.0.0.4=fd00::1", "10.0.0.4:1"}) {
        EXPECT_FALSE(parse_advertised(bad)) << bad;
    }
}

TEST(Cores, AreListedSinglyOrInRanges) {
    EXPECT_EQ(parse_cores("1"), (std::vector<unsigned>{1}));
    EXPECT_EQ(parse_cores("2-4,8,0"), (std::vector<unsigned>{2, 3, 4, 8, 0}));
    for (const char* bad : {"", ",", "1,", "4-2", "1,1", "1-3,2", "a", "-1", "1-", "99999", "1 ,2"}) {
        EXPECT_FALSE(parse_cores(bad)) << bad;
    }
}

TEST(Checks, TellGoodFromBad) {
    const auto good = [](const std::string& complaint) { return complaint.empty(); };
    EXPECT_TRUE(good(checks::device("0000:03:00.0")));
    EXPECT_FALSE(good(checks::device("03:00.0")));
    EXPECT_FALSE(good(checks::device("0000:03:00.8")));
    EXPECT_TRUE(good(checks::device("net_af_packet0,iface=veth0")));
    EXPECT_FALSE(good(checks::device("net_af_packet0, iface=veth0")));
    EXPECT_TRUE(good(checks::mac("02:00:5e:10:00:01")));
    EXPECT_FALSE(good(checks::mac("01:00:5e:10:00:01")));
    EXPECT_TRUE(good(checks::interface_name("enp3s0f0")));
    EXPECT_FALSE(good(checks::interface_name("a/b")));
    EXPECT_FALSE(good(checks::interface_name("sixteen-letters0")));
    EXPECT_TRUE(good(checks::listen_address("::1")));
    EXPECT_FALSE(good(checks::listen_address("127.0.0.1:7880")));
    EXPECT_FALSE(good(checks::advertised("0.0.0.0")));
    EXPECT_FALSE(good(checks::cidr4("fd00::1/64")));
    EXPECT_FALSE(good(checks::cidr6("10.0.0.1/8")));
    EXPECT_FALSE(good(checks::socket_path("dataplane.sock")));
    EXPECT_FALSE(good(checks::name("two words")));
}

}  // namespace
}  // namespace sluice::config
