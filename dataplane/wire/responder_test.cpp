#include "dataplane/wire/responder.hpp"

#include <gtest/gtest.h>

#include <array>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/test_frames.hpp"

namespace sluice::wire {
namespace {

using test::Bytes;

const std::array<IpAddress, 2> ours{test::address("192.0.2.1"), test::address("2001:db8::1")};
const HostIdentity host{test::mac_b, ours};

template <typename T>
void append(Bytes& bytes, const T& value) {
    const ByteView view = bytes_of(value);
    bytes.insert(bytes.end(), view.begin(), view.end());
}

Bytes arp_request_frame(const char* target) {
    Bytes frame;
    append(frame, EthernetHeader{Mac::broadcast(), test::mac_a, be16{ethertype_arp}});
    append(frame, ArpPacket{be16{1}, be16{ethertype_ipv4}, 6, 4, be16{arp_request}, test::mac_a,
                            test::address("192.0.2.9").v4(), Mac{}, test::address(target).v4()});
    return frame;
}

Bytes echo4_frame(std::size_t data) {
    Bytes frame;
    append(frame, EthernetHeader{test::mac_b, test::mac_a, be16{ethertype_ipv4}});
    Ipv4Header ip{0x45,
                  0,
                  be16{static_cast<std::uint16_t>(28 + data)},
                  be16{77},
                  be16{0},
                  9,
                  protocol_icmp,
                  be16{0},
                  test::address("192.0.2.9").v4(),
                  test::address("192.0.2.1").v4()};
    ip.checksum = internet_checksum(bytes_of(ip));
    append(frame, ip);
    append(frame, IcmpHeader{icmp_echo_request, 0, be16{0}, be32{0x00010002}});
    for (std::size_t i = 0; i < data; ++i) frame.push_back(static_cast<std::uint8_t>(i));
    store(frame.data() + 36, internet_checksum(ByteView{frame}.subspan(34)));
    return frame;
}

Bytes icmp6_frame(const char* from, const char* to, std::uint8_t hops, const Bytes& message) {
    Bytes frame;
    append(frame, EthernetHeader{test::mac_b, test::mac_a, be16{ethertype_ipv6}});
    const Ipv6Header ip{be32{0x60000000},
                        be16{static_cast<std::uint16_t>(message.size())},
                        protocol_icmp6,
                        hops,
                        test::address(from).bytes,
                        test::address(to).bytes};
    append(frame, ip);
    frame.insert(frame.end(), message.begin(), message.end());
    const auto pseudo =
        pseudo_header6(ip.source, ip.destination, protocol_icmp6, static_cast<std::uint32_t>(message.size()));
    store(frame.data() + 56, checksum_finish(checksum_add(pseudo, ByteView{frame}.subspan(54))));
    return frame;
}

Bytes solicit_frame(const char* from, std::uint8_t hops = 255, const char* target = "2001:db8::1") {
    Bytes message;
    append(message, NeighborSolicit{{icmp6_neighbor_solicit, 0, be16{0}, be32{0}}, test::address(target).bytes});
    return icmp6_frame(from, "ff02::1:ff00:1", hops, message);
}

bool icmp6_checksum_valid(ByteView frame, std::size_t l2 = 14) {
    const auto ip = load<Ipv6Header>(frame.data() + l2);
    const auto pseudo = pseudo_header6(ip.source, ip.destination, protocol_icmp6, ip.payload_length.value());
    return checksum_finish(checksum_add(pseudo, frame.subspan(l2 + 40))).raw() == 0;
}

TEST(Responder, AnswersArpForOurAddress) {
    std::array<std::uint8_t, 128> out{};
    Bytes request = arp_request_frame("192.0.2.1");
    request.resize(60);
    const auto length = write_reply(request, host, out);
    ASSERT_TRUE(length);
    EXPECT_EQ(*length, 42U);
    const auto ethernet = load<EthernetHeader>(out.data());
    EXPECT_EQ(ethernet.destination, test::mac_a);
    EXPECT_EQ(ethernet.source, test::mac_b);
    const auto arp = load<ArpPacket>(out.data() + 14);
    EXPECT_EQ(arp.operation.value(), arp_reply);
    EXPECT_EQ(arp.sender_mac, test::mac_b);
    EXPECT_EQ(arp.sender_address, ours[0].v4());
    EXPECT_EQ(arp.target_mac, test::mac_a);
}

TEST(Responder, KeepsTheVlanTag) {
    std::array<std::uint8_t, 128> out{};
    Bytes request = arp_request_frame("192.0.2.1");
    request.insert(request.begin() + 12, {0x81, 0x00, 0x00, 0x64});
    const auto length = write_reply(request, host, out);
    ASSERT_TRUE(length);
    EXPECT_EQ(*length, 46U);
    EXPECT_EQ(load<be32>(out.data() + 12).value(), 0x81000064U);
}

TEST(Responder, AnswersEchoOverIpv4) {
    std::array<std::uint8_t, 256> out{};
    for (const std::size_t data : {0U, 1U, 56U}) {
        const auto length = write_reply(echo4_frame(data), host, out);
        ASSERT_TRUE(length) << to_string(length.error());
        EXPECT_EQ(*length, 42 + data);
        const auto ip = load<Ipv4Header>(out.data() + 14);
        EXPECT_EQ(ip.source, ours[0].v4());
        EXPECT_EQ(ip.ttl, 64);
        EXPECT_EQ(internet_checksum({out.data() + 14, 20}).raw(), 0);
        EXPECT_EQ(out[34], icmp_echo_reply);
        EXPECT_EQ(load<be32>(out.data() + 38).value(), 0x00010002U);
        EXPECT_EQ(internet_checksum({out.data() + 34, 8 + data}).raw(), 0);
    }
}

TEST(Responder, AnswersEchoOverIpv6) {
    std::array<std::uint8_t, 256> out{};
    const auto request = icmp6_frame("2001:db8::9", "2001:db8::1", 3, {icmp6_echo_request, 0, 0, 0, 1, 2, 3, 4, 5});
    const auto length = write_reply(request, host, out);
    ASSERT_TRUE(length) << to_string(length.error());
    EXPECT_EQ(*length, request.size());
    EXPECT_EQ(out[54], icmp6_echo_reply);
    EXPECT_TRUE(icmp6_checksum_valid({out.data(), *length}));
}

TEST(Responder, AdvertisesOurNeighborEntry) {
    std::array<std::uint8_t, 256> out{};
    const auto length = write_reply(solicit_frame("2001:db8::9"), host, out);
    ASSERT_TRUE(length) << to_string(length.error());
    EXPECT_EQ(*length, 86U);
    EXPECT_TRUE(icmp6_checksum_valid({out.data(), *length}));
    const auto advert = load<NeighborAdvert>(out.data() + 54);
    EXPECT_EQ(advert.icmp.rest.value(), 0x60000000U);
    EXPECT_EQ(advert.target, ours[1].bytes);
    EXPECT_EQ(advert.target_mac, test::mac_b);
    EXPECT_EQ(load<Ipv6Header>(out.data() + 14).hop_limit, 255);
}

TEST(Responder, AdvertisesToAllNodesWhenAddressesAreProbed) {
    std::array<std::uint8_t, 256> out{};
    const auto length = write_neighbor_advert(solicit_frame("::"), host, out);
    ASSERT_TRUE(length) << to_string(length.error());
    EXPECT_EQ(load<EthernetHeader>(out.data()).destination, (Mac{{0x33, 0x33, 0, 0, 0, 1}}));
    EXPECT_EQ(load<NeighborAdvert>(out.data() + 54).icmp.rest.value(), 0x20000000U);
}

TEST(Responder, RefusesByName) {
    std::array<std::uint8_t, 256> out{};
    const auto error_of = [&](const Bytes& request) { return write_reply(request, host, out).error(); };
    EXPECT_EQ(error_of({}), ReplyError::malformed);
    EXPECT_EQ(error_of(arp_request_frame("192.0.2.2")), ReplyError::not_for_us);
    Bytes frame = arp_request_frame("192.0.2.1");
    frame[21] = arp_reply;
    EXPECT_EQ(error_of(frame), ReplyError::not_a_request);
    frame.resize(41);
    EXPECT_EQ(error_of(frame), ReplyError::malformed);

    frame = echo4_frame(8);
    frame.back() ^= 1;
    EXPECT_EQ(error_of(frame), ReplyError::bad_checksum);
    frame = echo4_frame(8);
    frame[33] = 2;
    EXPECT_EQ(error_of(frame), ReplyError::not_for_us);
    frame = echo4_frame(8);
    frame[34] = icmp_echo_reply;
    EXPECT_EQ(error_of(frame), ReplyError::not_a_request);
    frame = echo4_frame(8);
    frame[6] |= 1;
    EXPECT_EQ(error_of(frame), ReplyError::malformed);

    EXPECT_EQ(error_of(solicit_frame("2001:db8::9", 64)), ReplyError::malformed);
    EXPECT_EQ(error_of(solicit_frame("2001:db8::9", 255, "2001:db8::2")), ReplyError::not_for_us);
    frame = solicit_frame("2001:db8::9");
    frame.back() ^= 1;
    EXPECT_EQ(error_of(frame), ReplyError::bad_checksum);
    EXPECT_EQ(error_of(test::frame_of(test::path6(), {1})), ReplyError::not_a_request);
}

TEST(Responder, NeverWritesBeyondTheBuffer) {
    for (const Bytes& request : {arp_request_frame("192.0.2.1"), echo4_frame(8), solicit_frame("::"),
                                 icmp6_frame("2001:db8::9", "2001:db8::1", 3, {128, 0, 0, 0, 1, 2, 3, 4})}) {
        Bytes out(200);
        const std::size_t full = write_reply(request, host, out).value();
        for (std::size_t size = 0; size < full; ++size) {
            Bytes small(size);  // exact, so that a sanitizer sees an overflow
            ASSERT_EQ(write_reply(request, host, small).error(), ReplyError::buffer_too_small);
        }
    }
}

}  // namespace
}  // namespace sluice::wire
