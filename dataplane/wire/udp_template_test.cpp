#include "dataplane/wire/udp_template.hpp"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/wire/test_frames.hpp"
#include "dataplane/wire/udp_frame.hpp"

namespace sluice::wire {
namespace {

TEST(UdpTemplate, RefusesAPathThatCannotBe) {
    const auto error_of = [](auto change) {
        auto path = test::path4();
        change(path);
        const auto made = UdpTemplate::make(path);
        EXPECT_FALSE(made);
        return made.error();
    };
    EXPECT_EQ(error_of([](UdpPath& p) { p.source = test::endpoint("[::1]:1"); }), UdpPathError::mixed_families);
    EXPECT_EQ(error_of([](UdpPath& p) { p.destination.port = 0; }), UdpPathError::port_zero);
    EXPECT_EQ(error_of([](UdpPath& p) { p.vlan = 4096; }), UdpPathError::bad_vlan);
    EXPECT_EQ(error_of([](UdpPath& p) { p.ttl = 0; }), UdpPathError::bad_ttl);
    EXPECT_EQ(error_of([](UdpPath& p) { p.dscp = 64; }), UdpPathError::bad_dscp);
}

TEST(UdpTemplate, StampsFramesThatParseBackWithValidChecksums) {
    std::mt19937 random(3);
    for (int round = 0; round < 20'000; ++round) {
        auto path = round % 2 == 0 ? test::path4() : test::path6();
        path.source.port = static_cast<std::uint16_t>(1 + random() % 65535);
        path.destination.address.bytes[15] = static_cast<std::uint8_t>(random());
        path.destination.address.bytes[14] = static_cast<std::uint8_t>(random());
        path.ttl = static_cast<std::uint8_t>(1 + random() % 255);
        path.dscp = static_cast<std::uint8_t>(random() % 64);
        if (random() % 2 != 0) path.vlan = static_cast<std::uint16_t>(random() % 4096);
        test::Bytes payload(random() % 300);
        for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());

        const auto frame = test::frame_of(path, payload);
        const auto parsed = parse_udp_frame(frame);
        ASSERT_TRUE(parsed) << to_string(parsed.error());
        ASSERT_EQ(parsed->source, path.source);
        ASSERT_EQ(parsed->destination, path.destination);
        ASSERT_EQ(parsed->vlan, path.vlan);
        ASSERT_EQ(parsed->ttl, path.ttl);
        ASSERT_EQ(parsed->dscp, path.dscp);
        ASSERT_EQ(parsed->payload_length, payload.size());
        ASSERT_TRUE(ip_checksum_valid(frame, *parsed));
        ASSERT_TRUE(udp_checksum_valid(frame, *parsed));
    }
}

TEST(UdpTemplate, WritesItsHeaderLengthAndNoByteMore) {
    for (auto path : {test::path4(), test::path6()}) {
        for (const bool tagged : {false, true}) {
            if (tagged) path.vlan = 7;
            const auto made = UdpTemplate::make(path).value();
            test::Bytes buffer(UdpTemplate::max_header_length + 8, 0xaa);
            made.stamp(buffer.data(), 10);
            EXPECT_EQ(made.l2_length(), tagged ? 18U : 14U);
            EXPECT_EQ(made.header_length(), made.l2_length() + made.l3_length() + 8);
            for (std::size_t i = made.header_length(); i < buffer.size(); ++i) EXPECT_EQ(buffer[i], 0xaa);
            EXPECT_EQ(load<be16>(buffer.data() + made.header_length() - 2).value(), 0);
        }
    }
}

TEST(UdpTemplate, LeavesForOffloadWhatANicCompletes) {
    for (const auto& path : {test::path4(), test::path6()}) {
        const auto made = UdpTemplate::make(path).value();
        test::Bytes frame(made.header_length() + 33, 0x5a);
        made.stamp(frame.data(), 33);
        made.set_offload_checksum(frame.data(), 33);
        // The NIC sums from the UDP header on, the seeded field included, and stores the complement.
        const ByteView udp = ByteView{frame}.subspan(made.l2_length() + made.l3_length());
        const be16 completed = checksum_finish_udp(checksum_add(0, udp));
        store(frame.data() + made.header_length() - 2, completed);
        EXPECT_TRUE(udp_checksum_valid(frame, parse_udp_frame(frame).value()));
    }
}

}  // namespace
}  // namespace sluice::wire
