#include "dataplane/wire/fragment.hpp"

#include <gtest/gtest.h>

#include "dataplane/wire/headers.hpp"
#include "dataplane/wire/test_frames.hpp"

namespace sluice::wire {
namespace {

using test::Bytes;

constexpr std::size_t ip = 14;

// 100 bytes of IP payload behind the given fragment field.
Bytes fragment4(std::uint16_t field) {
    Bytes frame = test::frame_of(test::path4(), Bytes(92));
    store(frame.data() + ip + 4, be16{0x1234});
    store(frame.data() + ip + 6, be16{field});
    return frame;
}

Bytes fragment6(std::uint16_t field) {
    Bytes frame = test::frame_of(test::path6(), Bytes(92));
    const Bytes header{
        protocol_udp, 0, static_cast<std::uint8_t>(field >> 8), static_cast<std::uint8_t>(field), 0xde, 0xad, 0xbe, 0xef};
    frame.insert(frame.begin() + ip + 40, header.begin(), header.end());
    store(frame.data() + ip + 4, be16{108});
    frame[ip + 6] = protocol_fragment6;
    return frame;
}

TEST(Fragment, OfIpv4IsRead) {
    Bytes frame = fragment4(0x2000 | 25);
    store(frame.data() + ip + 2, be16{116});  // 96 bytes of payload: the rest is Ethernet padding
    const auto f = parse_fragment(frame);
    ASSERT_TRUE(f);
    EXPECT_EQ(f->source, test::address("192.0.2.1"));
    EXPECT_EQ(f->destination, test::address("198.51.100.7"));
    EXPECT_EQ(f->id, 0x1234u);
    EXPECT_EQ(f->protocol, protocol_udp);
    EXPECT_TRUE(f->more);
    EXPECT_EQ(f->offset, 200);
    EXPECT_EQ(f->length, 96);
    EXPECT_EQ(f->payload_offset(), 34u);
    EXPECT_EQ(f->header_length, 20);
    EXPECT_FALSE(parse_fragment(fragment4(1))->more);
}

TEST(Fragment, OfIpv6IsRead) {
    const auto f = parse_fragment(fragment6(200));
    ASSERT_TRUE(f);
    EXPECT_EQ(f->source, test::address("2001:db8::1"));
    EXPECT_EQ(f->id, 0xdeadbeefu);
    EXPECT_EQ(f->protocol, protocol_udp);
    EXPECT_FALSE(f->more);
    EXPECT_EQ(f->offset, 200);
    EXPECT_EQ(f->length, 100);
    EXPECT_EQ(f->payload_offset(), 62u);
    EXPECT_EQ(f->header_length, 0);
    EXPECT_TRUE(parse_fragment(fragment6(0))->atomic());
}

TEST(Fragment, ThatContradictsItselfIsRefused) {
    EXPECT_FALSE(parse_fragment({}));
    EXPECT_FALSE(parse_fragment(test::frame_of(test::path4(), Bytes(92)))) << "no fragment";
    EXPECT_FALSE(parse_fragment(test::frame_of(test::path6(), Bytes(92)))) << "no fragment";
    EXPECT_FALSE(parse_fragment(fragment4(0x2000))) << "100 bytes are no multiple of 8, and more follows";
    EXPECT_FALSE(parse_fragment(fragment6(201))) << "100 bytes are no multiple of 8, and more follows";
    EXPECT_TRUE(parse_fragment(fragment4(0x1fff - 12)));
    EXPECT_FALSE(parse_fragment(fragment4(0x1fff))) << "beyond 64 KB";
    Bytes empty = fragment4(1);
    store(empty.data() + ip + 2, be16{20});
    EXPECT_FALSE(parse_fragment(empty));
    Bytes multicast = fragment4(1);
    multicast[ip + 12] = 224;
    EXPECT_FALSE(parse_fragment(multicast));
    Bytes aliased = fragment6(200);
    const auto mapped = test::address("192.0.2.1");
    std::copy(mapped.bytes.begin(), mapped.bytes.end(), aliased.begin() + ip + 8);
    EXPECT_FALSE(parse_fragment(aliased));
    for (Bytes whole : {fragment4(1), fragment6(200)}) {
        for (std::size_t size = whole.size() - 1;; --size) {
            whole.resize(size);
            EXPECT_FALSE(parse_fragment(whole)) << size;
            if (size == 0) break;
        }
    }
}

}  // namespace
}  // namespace sluice::wire
