// The rules that every worker keeps, whatever it is given.

#include <cstring>

#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/allocation.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

TEST(Worker, NeverAllocates) {
    if (!allocations_are_counted) GTEST_SKIP() << "the sanitizer owns malloc";
    const std::uint64_t before = AllocationGuard::counted();
    {
        Harness h(2);
        const Peer publisher = h.add_peer(5000, 0, srtp::Suite::plaintext);
        const auto source = h.add_video_source(publisher, 0x1111, 0x1112);
        std::vector<Peer> viewers;
        for (std::uint16_t i = 0; i < 40; ++i) {
            const auto suite = i % 2 ? srtp::Suite::aead_aes_128_gcm : srtp::Suite::aes_cm_128_hmac_sha1_80;
            viewers.push_back(
                h.add_peer(static_cast<std::uint16_t>(6000 + i), i % 2, i < 20 ? suite : srtp::Suite::plaintext));
            h.add_video_leg(viewers.back(), source, 0x9000u + i, 0xa000u + i);
        }
        for (std::uint16_t n = 0; n < 2000; ++n) {
            if (n % 50 != 7) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n % 100 == 0));
            if (n % 10 == 3) {
                std::array<std::uint8_t, 128> buffer;
                wire::RtcpWriter out(buffer);
                const std::uint16_t missing[] = {static_cast<std::uint16_t>(1000 + n / 2)};
                EXPECT_TRUE(out.nack(1, 0x9000u + 30, missing));
                EXPECT_TRUE(out.pli(1, 0x9000u + 30));
                h.send(viewers[30], out.finish());
            }
            if (n % 200 == 0) {
                abi::Remove m;
                m.kind = abi::ObjectKind::transport;
                m.id = viewers[n / 200].transport;
                EXPECT_EQ(h.program(m), abi::Status::ok);
            }
            h.settle();
            (void)h.received();
        }
    }
    EXPECT_EQ(AllocationGuard::counted() - before, 0u) << "a worker allocated";
}

// A key, an SSRC and an index seal one plaintext: over restarts of the numbering, source switches and re-sends.
TEST(Worker, OneCiphertextPerKeySsrcAndIndex) {
    Harness h;
    const auto suite = srtp::Suite::aead_aes_128_gcm;
    std::array<Peer, 2> publishers{h.add_peer(5000), h.add_peer(5001)};
    std::array<std::uint64_t, 2> sources{h.add_video_source(publishers[0], 0x1111),
                                         h.add_video_source(publishers[1], 0x2222)};
    const Peer viewer = h.add_peer(6000, 0, suite);
    const auto leg = h.add_video_leg(viewer, sources[0], 0x9000);
    std::map<std::uint16_t, Frame> seen;
    std::uint32_t random = 1;
    const auto next = [&] { return random = random * 1664525 + 1013904223, random >> 16; };
    std::array<std::uint16_t, 2> sequence{65'500, 10};
    for (int n = 0; n < 4000; ++n) {
        const unsigned who = next() % 2;
        std::uint16_t s = sequence[who]++;
        if (next() % 20 == 0) s = static_cast<std::uint16_t>(s - next() % 30);  // late or repeated
        h.send(publishers[who], vp8_packet(s, 3000u * s, who ? 0x2222 : 0x1111, next() % 10 == 0, 50 + next() % 50));
        if (next() % 40 == 0) {
            EXPECT_EQ(h.program(h.leg_spec(leg, viewer, sources[next() % 2], 0x9000, 0)), abi::Status::ok);
        }
        h.settle();
        for (const Frame& p : h.payloads_to(viewer, h.received())) {
            if (p[1] >= 192 && p[1] <= 223) continue;
            const std::uint16_t index = load<be16>(p.data() + 2).value();
            const auto [at, fresh] = seen.emplace(index, p);
            EXPECT_TRUE(fresh || at->second == p) << "index " << index << " sealed twice";
        }
    }
    EXPECT_GT(seen.size(), 500u);
}

TEST(Worker, ServesViewersOverIpv6) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    Peer viewer;
    viewer.address = {*IpAddress::parse("fd77:7777::2"), 6000};
    viewer.transport = 900;
    abi::TransportSpec spec = h.transport_spec(viewer.transport, 6000, 0);
    spec.path.remote_ip = viewer.address.address.bytes;
    spec.path.local_ip = IpAddress::parse("fd77:7777::1")->bytes;
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    h.add_video_leg(viewer, source, 0x9000);
    for (std::uint16_t n = 0; n < 5; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    EXPECT_EQ(h.media_to(viewer, h.received()).size(), 5u);
}

}  // namespace
}  // namespace sluice::test
