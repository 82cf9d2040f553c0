// Garbage beside a running stream: the stream loses nothing, every frame of garbage is dropped by name, nothing leaks.

#include <random>

#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

TEST(Garbage, DisturbsNothingAndIsCountedByName) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6000, 0, srtp::Suite::plaintext);
    h.add_video_leg(viewer, source, 0x9000);
    (void)h.received();
    std::mt19937 random(7);
    Peer stranger;
    stranger.address = {*IpAddress::parse("10.77.0.3"), 999};
    std::uint64_t garbage = 0;
    std::uint64_t media = 0;
    for (std::uint16_t n = 0; n < 2000; ++n) {
        for (int k = 0; k < 20; ++k) {
            Frame bytes(random() % 300);
            for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
            switch (random() % 4) {
                case 0: h.send_frame(bytes); break;      // no frame at all
                case 1: h.send(stranger, bytes); break;  // a stranger's datagram
                case 2:                                  // looks like RTP of nobody's SSRC
                    if (bytes.size() < 12) bytes.resize(12);
                    bytes[0] = 0x80;
                    bytes[1] = 96;
                    h.send(stranger, bytes);
                    break;
                case 3:  // looks like STUN
                    if (bytes.size() < 20) bytes.resize(20);
                    bytes[0] = 0;
                    h.send(stranger, bytes);
                    break;
            }
            ++garbage;
        }
        h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
        h.settle();
        for (const Frame& p : h.payloads_to(viewer, h.received())) {
            if (p.size() > 2 && p[1] >= 192 && p[1] <= 223) continue;
            ++media;
        }
    }
    EXPECT_EQ(media, 2000u);
    EXPECT_EQ(h.total_drops(), garbage);
    EXPECT_EQ(h.counters().rx_packets, garbage + 2000);
}

TEST(Garbage, FromAnAuthenticatedPeerIsSurvivedToo) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111, 0x1112);
    const Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000, 0x9001);
    std::mt19937 random(11);
    for (int n = 0; n < 20'000; ++n) {
        Frame bytes =
            vp8_packet(static_cast<std::uint16_t>(n), static_cast<std::uint32_t>(n), random() % 2 ? 0x1111 : 0x1112,
                       random() % 50 == 0, 20 + random() % 60, random() % 2 ? 96 : 97);
        for (unsigned k = random() % 4; k > 0; --k) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        if (random() % 3 == 0) {
            bytes[0] = static_cast<std::uint8_t>(0x80 | (random() % 32));
            bytes[1] = static_cast<std::uint8_t>(200 + random() % 8);
            const std::size_t words = random() % (bytes.size() / 4);
            bytes[2] = 0;
            bytes[3] = static_cast<std::uint8_t>(words);
        }
        bytes.resize(random() % 8 == 0 ? random() % bytes.size() : bytes.size());
        h.send(random() % 2 ? publisher : viewer, bytes);
        if (n % 16 == 0) {
            h.settle();
            (void)h.received();
        }
    }
    h.settle();
    (void)h.received();
    SUCCEED();
}

}  // namespace
}  // namespace sluice::test
