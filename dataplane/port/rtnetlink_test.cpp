#include "dataplane/port/rtnetlink.hpp"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

namespace sluice::port {
namespace {

using Bytes = std::vector<std::uint8_t>;

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

// A message as the kernel writes it, by hand: neither with libmnl nor with the code under test.
class Message {
public:
    template <typename T>
    Message(std::uint16_t type, const T& fixed) {
        append(nlmsghdr{0, type, 0, 1, 0});
        append(fixed);
    }
    Message& attribute(std::uint16_t type, const Bytes& value) {
        append(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type});
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        bytes_.resize((bytes_.size() + 3) / 4 * 4);
        return *this;
    }
    Message& u32(std::uint16_t type, std::uint32_t value) {
        Bytes raw(4);
        std::memcpy(raw.data(), &value, 4);
        return attribute(type, raw);
    }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    // The first `length` bytes, as a message of that length.
    [[nodiscard]] const nlmsghdr& cut(std::size_t length) {
        copy_.assign((length + 3) / 4, 0);
        std::memcpy(copy_.data(), bytes_.data(), length);
        auto* header = static_cast<nlmsghdr*>(static_cast<void*>(copy_.data()));
        header->nlmsg_len = static_cast<std::uint32_t>(length);
        return *header;
    }
    [[nodiscard]] const nlmsghdr& whole() { return cut(bytes_.size()); }
    Bytes& bytes() { return bytes_; }

private:
    template <typename T>
    void append(const T& value) {
        const auto at = bytes_.size();
        bytes_.resize(at + sizeof value);
        std::memcpy(bytes_.data() + at, &value, sizeof value);
    }
    Bytes bytes_;
    std::vector<std::uint32_t> copy_;
};

ndmsg neighbour(std::uint8_t family, std::uint16_t state) {
    ndmsg m{};
    m.ndm_family = family;
    m.ndm_ifindex = 3;
    m.ndm_state = state;
    return m;
}
const Bytes gateway4{192, 0, 2, 1};
const Bytes mac_bytes{0x02, 0, 0, 0, 0, 0x0a};
const Mac mac{{0x02, 0, 0, 0, 0, 0x0a}};

TEST(Rtnetlink, ANeighboursMacIsUsedInEveryStateInWhichTheKernelWouldUseIt) {
    for (const std::uint16_t state : {NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT, NUD_NOARP}) {
        Message m(RTM_NEWNEIGH, neighbour(AF_INET, state));
        const auto n = parse_neighbour(m.attribute(NDA_DST, gateway4).attribute(NDA_LLADDR, mac_bytes).whole());
        ASSERT_TRUE(n.has_value());
        EXPECT_EQ(n->interface_index, 3u);
        EXPECT_EQ(n->address, ip("192.0.2.1"));
        EXPECT_EQ(n->mac, mac);
    }
    for (const std::uint16_t state : {NUD_INCOMPLETE, NUD_FAILED, NUD_NONE}) {
        Message m(RTM_NEWNEIGH, neighbour(AF_INET, state));
        EXPECT_FALSE(
            parse_neighbour(m.attribute(NDA_DST, gateway4).attribute(NDA_LLADDR, mac_bytes).whole())->mac.has_value());
    }
    Message gone(RTM_DELNEIGH, neighbour(AF_INET, NUD_REACHABLE));
    EXPECT_FALSE(
        parse_neighbour(gone.attribute(NDA_DST, gateway4).attribute(NDA_LLADDR, mac_bytes).whole())->mac.has_value());
}

TEST(Rtnetlink, AnIpv6NeighbourIsRead) {
    Message m(RTM_NEWNEIGH, neighbour(AF_INET6, NUD_REACHABLE));
    const IpAddress router = ip("fe80::1");
    m.attribute(NDA_LLADDR, mac_bytes).attribute(NDA_DST, Bytes(router.bytes.begin(), router.bytes.end()));
    const auto n = parse_neighbour(m.whole());
    ASSERT_TRUE(n.has_value());
    EXPECT_EQ(n->address, router);
    EXPECT_EQ(n->mac, mac);
}

TEST(Rtnetlink, WhatIsNoNeighbourOfAnIpFamilyIsNothing) {
    Message bridge(RTM_NEWNEIGH, neighbour(AF_BRIDGE, NUD_REACHABLE));
    EXPECT_FALSE(parse_neighbour(bridge.attribute(NDA_LLADDR, mac_bytes).whole()).has_value());
    Message no_address(RTM_NEWNEIGH, neighbour(AF_INET, NUD_REACHABLE));
    EXPECT_FALSE(parse_neighbour(no_address.attribute(NDA_LLADDR, mac_bytes).whole()).has_value());
    Message odd(RTM_NEWNEIGH, neighbour(AF_INET, NUD_REACHABLE));
    EXPECT_FALSE(parse_neighbour(odd.attribute(NDA_DST, {1, 2, 3}).whole()).has_value());
    // An interface whose addresses are not Ethernet's.
    Message infiniband(RTM_NEWNEIGH, neighbour(AF_INET, NUD_REACHABLE));
    EXPECT_FALSE(parse_neighbour(infiniband.attribute(NDA_DST, gateway4).attribute(NDA_LLADDR, Bytes(20)).whole())->mac);
    Message other(RTM_NEWADDR, neighbour(AF_INET, NUD_REACHABLE));
    EXPECT_FALSE(parse_neighbour(other.attribute(NDA_DST, gateway4).whole()).has_value());
}

TEST(Rtnetlink, ARouteIsItsGatewayOrOnTheLink) {
    rtmsg fixed{};
    fixed.rtm_family = AF_INET;
    fixed.rtm_type = RTN_UNICAST;
    Message via(RTM_NEWROUTE, fixed);
    const auto route =
        parse_route(via.attribute(RTA_DST, {198, 51, 100, 7}).u32(RTA_OIF, 3).attribute(RTA_GATEWAY, gateway4).whole());
    ASSERT_TRUE(route.has_value());
    EXPECT_EQ(route->interface_index, 3u);
    EXPECT_EQ(route->gateway, ip("192.0.2.1"));

    Message on_link(RTM_NEWROUTE, fixed);
    EXPECT_FALSE(parse_route(on_link.u32(RTA_OIF, 3).whole())->gateway.has_value());

    // RFC 8950: an IPv4 destination behind an IPv6 router.
    Message mixed(RTM_NEWROUTE, fixed);
    Bytes via6{AF_INET6, 0};
    const IpAddress router = ip("fe80::1");
    via6.insert(via6.end(), router.bytes.begin(), router.bytes.end());
    EXPECT_EQ(parse_route(mixed.u32(RTA_OIF, 3).attribute(RTA_VIA, via6).whole())->gateway, router);
}

TEST(Rtnetlink, ARouteThatLeadsNowhereIsNothing) {
    rtmsg fixed{};
    fixed.rtm_family = AF_INET;
    for (const std::uint8_t type : {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_LOCAL, RTN_MULTICAST}) {
        fixed.rtm_type = type;
        Message m(RTM_NEWROUTE, fixed);
        EXPECT_FALSE(parse_route(m.u32(RTA_OIF, 3).attribute(RTA_GATEWAY, gateway4).whole()).has_value());
    }
    fixed.rtm_type = RTN_UNICAST;
    Message no_interface(RTM_NEWROUTE, fixed);
    EXPECT_FALSE(parse_route(no_interface.attribute(RTA_GATEWAY, gateway4).whole()).has_value());
}

TEST(Rtnetlink, ALinkIsReadAndABridgesOwnMessagesAreNot) {
    ifinfomsg fixed{};
    fixed.ifi_index = 3;
    fixed.ifi_flags = IFF_UP;
    Message m(RTM_NEWLINK, fixed);
    m.attribute(IFLA_IFNAME, {'e', 't', 'h', '0', 0}).attribute(IFLA_ADDRESS, mac_bytes).u32(IFLA_MTU, 1500);
    const auto link = parse_link(m.whole());
    ASSERT_TRUE(link.has_value());
    EXPECT_EQ(link->name, "eth0");
    EXPECT_EQ(link->mac, mac);
    EXPECT_EQ(link->mtu, 1500u);
    EXPECT_TRUE(link->up);
    EXPECT_FALSE(link->removed);
    fixed.ifi_family = AF_BRIDGE;
    EXPECT_FALSE(parse_link(Message(RTM_DELLINK, fixed).whole()).has_value());
}

TEST(Rtnetlink, TheAddressOfAPointToPointLinkIsOursAndNotThePeers) {
    ifaddrmsg fixed{};
    fixed.ifa_family = AF_INET;
    fixed.ifa_prefixlen = 32;
    fixed.ifa_index = 3;
    Message m(RTM_NEWADDR, fixed);
    const auto a = parse_address(m.attribute(IFA_ADDRESS, {10, 0, 0, 2}).attribute(IFA_LOCAL, {10, 0, 0, 1}).whole());
    ASSERT_TRUE(a.has_value());
    EXPECT_EQ(a->address, ip("10.0.0.1"));
    EXPECT_EQ(a->prefix, 32u);
}

// Any cut, and any length that an attribute claims: no read beyond the message (the sanitizers' tree sees that).
TEST(Rtnetlink, TruncatedAndLyingMessagesAreSurvived) {
    rtmsg route{};
    route.rtm_type = RTN_UNICAST;
    Message a(RTM_NEWROUTE, route);
    a.u32(RTA_OIF, 3).attribute(RTA_VIA, {AF_INET6, 0, 1}).attribute(RTA_GATEWAY, gateway4);
    Message b(RTM_NEWNEIGH, neighbour(AF_INET, NUD_REACHABLE));
    b.attribute(NDA_DST, gateway4).attribute(NDA_LLADDR, mac_bytes);
    ifinfomsg info{};
    info.ifi_index = 3;
    Message c(RTM_NEWLINK, info);
    c.attribute(IFLA_IFNAME, {'e', 't', 'h', '0'}).u32(IFLA_MTU, 1).attribute(IFLA_ADDRESS, mac_bytes);
    const auto parse_all = [](const nlmsghdr& m) {
        (void)parse_route(m);
        (void)parse_neighbour(m);
        (void)parse_link(m);
        (void)parse_address(m);
    };
    for (Message* m : {&a, &b, &c}) {
        for (std::size_t length = sizeof(nlmsghdr); length <= m->size(); ++length) parse_all(m->cut(length));
        for (std::size_t at = sizeof(nlmsghdr); at < m->size(); ++at) {
            for (const std::uint8_t value : {0, 1, 3, 0x7f, 0xff}) {
                const std::uint8_t kept = m->bytes()[at];
                m->bytes()[at] = value;
                parse_all(m->whole());
                m->bytes()[at] = kept;
            }
        }
    }
}

TEST(Rtnetlink, RequestsSayWhatTheyAskFor) {
    const auto request = ask_route(3, ip("10.0.0.1"), ip("198.51.100.7"));
    nlmsghdr header;
    std::memcpy(&header, request.data(), sizeof header);
    EXPECT_EQ(header.nlmsg_len, request.size());
    EXPECT_EQ(header.nlmsg_type, RTM_GETROUTE);
    EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST);
    rtmsg fixed;
    std::memcpy(&fixed, request.data() + sizeof header, sizeof fixed);
    EXPECT_EQ(fixed.rtm_family, AF_INET);
    EXPECT_EQ(fixed.rtm_dst_len, 32);
    const Bytes destination{8, 0, RTA_DST, 0, 198, 51, 100, 7};
    EXPECT_TRUE(std::equal(destination.begin(), destination.end(), request.begin() + sizeof header + sizeof fixed));

    const auto use = use_neighbour(3, ip("fe80::1"));
    ndmsg n;
    std::memcpy(&n, use.data() + sizeof header, sizeof n);
    EXPECT_EQ(n.ndm_family, AF_INET6);
    EXPECT_EQ(n.ndm_ifindex, 3);
    EXPECT_EQ(n.ndm_flags, NTF_USE);
}

}  // namespace
}  // namespace sluice::port
