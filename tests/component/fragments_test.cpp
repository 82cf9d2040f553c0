// IP fragments to our address: put together by main, refused by name where they are an attack, and never leaked.

#include <rte_mempool.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/headers.hpp"
#include "tests/component/stun_checks.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

constexpr std::size_t mac_header = 14;

struct Wire {
    bool v6 = false;
    std::uint16_t port = 7882;
    const char* from = nullptr;  // another source than the family's usual one
};

// A whole frame from the peer with this UDP payload.
Frame whole(const Wire& s, ByteView payload, std::uint16_t from_port = 6000) {
    const IpAddress remote = *IpAddress::parse(s.from != nullptr ? s.from : s.v6 ? "fd77:7777::2" : "10.77.0.2");
    const IpAddress local = *IpAddress::parse(s.v6 ? "fd77:7777::1" : "10.77.0.1");
    const auto path =
        wire::UdpTemplate::make({peer_mac, our_mac, {remote, from_port}, {local, s.port}, std::nullopt, 64, 0});
    EXPECT_TRUE(path.has_value());
    Frame frame(path->header_length() + payload.size());
    path->stamp(frame.data(), static_cast<std::uint16_t>(payload.size()));
    std::copy(payload.begin(), payload.end(), frame.begin() + static_cast<std::ptrdiff_t>(path->header_length()));
    path->fill_udp_checksum(frame.data(), static_cast<std::uint16_t>(payload.size()));
    return frame;
}

// The piece [offset, offset + length) of the frame's IP payload, as a router or sender would cut it.
Frame piece_of(const Frame& frame, std::uint32_t id, std::size_t offset, std::size_t length, bool more) {
    const bool v6 = load<be16>(frame.data() + 12).value() == wire::ethertype_ipv6;
    const std::size_t header = mac_header + (v6 ? 40 : 20);
    Frame out(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(header));
    if (v6) {
        const auto field = static_cast<std::uint16_t>(offset | more);
        const Frame extension{wire::protocol_udp,
                              0,
                              static_cast<std::uint8_t>(field >> 8),
                              static_cast<std::uint8_t>(field),
                              static_cast<std::uint8_t>(id >> 24),
                              static_cast<std::uint8_t>(id >> 16),
                              static_cast<std::uint8_t>(id >> 8),
                              static_cast<std::uint8_t>(id)};
        out.insert(out.end(), extension.begin(), extension.end());
        out[mac_header + 6] = wire::protocol_fragment6;
        store(out.data() + mac_header + 4, be16{static_cast<std::uint16_t>(length + 8)});
    } else {
        auto ip = load<wire::Ipv4Header>(out.data() + mac_header);
        ip.total_length = be16{static_cast<std::uint16_t>(20 + length)};
        ip.identification = be16{static_cast<std::uint16_t>(id)};
        ip.fragment = be16{static_cast<std::uint16_t>(offset / 8 | (more ? 0x2000 : 0))};
        ip.checksum = be16{};
        store(out.data() + mac_header, ip);
        ip.checksum = wire::internet_checksum(ByteView(out).subspan(mac_header, 20));
        store(out.data() + mac_header, ip);
    }
    const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(header + offset);
    out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(length));
    return out;
}

std::vector<Frame> cut(const Frame& frame, std::uint32_t id, std::size_t size) {
    const std::size_t total =
        frame.size() - mac_header - (load<be16>(frame.data() + 12).value() == wire::ethertype_ipv6 ? 40 : 20);
    std::vector<Frame> pieces;
    for (std::size_t at = 0; at < total; at += size) {
        pieces.push_back(piece_of(frame, id, at, std::min(size, total - at), at + size < total));
    }
    return pieces;
}

// A DTLS record of this size, as a ClientHello is: the worker punts it unchanged.
Frame hello(std::size_t size, std::uint8_t seed = 0) {
    Frame out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + seed);
    out[0] = 22;
    return out;
}

struct FragmentsBase : testing::Test {
    explicit FragmentsBase(bool v6) { setup.v6 = v6; }
    void SetUp() override {
        abi::TransportSpec spec = h.transport_spec(1, 6000, 0);
        if (setup.v6) {
            spec.path.remote_ip = IpAddress::parse("fd77:7777::2")->bytes;
            spec.path.local_ip = IpAddress::parse("fd77:7777::1")->bytes;
        }
        ASSERT_EQ(h.program(spec), abi::Status::ok);
        ring = {h.plane().rings().data() + abi::RingLayout::punt(0, abi::PuntClass::dtls), abi::RingLayout::slots};
    }
    void TearDown() override {
        if (h.plane().reassembly().buffers_in_use() != 0) pass_the_timeout();
        EXPECT_EQ(h.plane().reassembly().buffers_in_use(), 0u) << "fragment buffers leaked";
    }
    void send(const std::vector<Frame>& frames) {
        for (const Frame& f : frames) h.send_frame(f);
        sent += frames.size();
        h.settle();
    }
    void pass_the_timeout() {
        std::this_thread::sleep_for(std::chrono::nanoseconds(control::Reassembly::timeout_ns + 20'000'000));
        h.settle();
    }
    // What the worker punted since the last call.
    std::vector<Frame> punted() {
        std::vector<Frame> out;
        static abi::PacketSlot slot;
        while (ring.pop(slot) == abi::PacketRingConsumer::Result::ok)
            out.emplace_back(slot.datagram, slot.datagram + slot.record.length);
        return out;
    }
    Harness h;
    Wire setup;
    abi::PacketRingConsumer ring;
    std::uint64_t sent = 0;
};
struct Fragments : FragmentsBase, testing::WithParamInterface<bool> {
    Fragments() : FragmentsBase(GetParam()) {}
};
struct FragmentsOfIpv4 : FragmentsBase {
    FragmentsOfIpv4() : FragmentsBase(false) {}
};
struct FragmentsOfIpv6 : FragmentsBase {
    FragmentsOfIpv6() : FragmentsBase(true) {}
};
INSTANTIATE_TEST_SUITE_P(, Fragments, testing::Bool(), [](const auto& p) { return p.param ? "Ipv6" : "Ipv4"; });

TEST_P(Fragments, InAnyOrderGiveTheDatagramBack) {
    const Frame datagram = hello(1800);
    auto pieces = cut(whole(setup, datagram), 77, 600);
    ASSERT_EQ(pieces.size(), 4u);
    std::sort(pieces.begin(), pieces.end());
    int orders = 0;
    do {
        send(pieces);
        ASSERT_EQ(punted(), std::vector<Frame>{datagram}) << "order " << orders;
        ++orders;
    } while (std::next_permutation(pieces.begin(), pieces.end()));
    EXPECT_EQ(orders, 24);
    EXPECT_EQ(h.counters().reassembled, 24u);
    EXPECT_EQ(h.counters().fragments, sent);
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST_P(Fragments, OfManySizesGiveTheDatagramBack) {
    std::uint32_t id = 0;
    for (const std::size_t size : {261u, 600u, 1200u, 1473u, 1912u, 1920u}) {
        for (const std::size_t piece : {256u, 552u, 1232u, 1480u}) {
            const Frame datagram = hello(size, static_cast<std::uint8_t>(++id));
            const auto pieces = cut(whole(setup, datagram), id, piece);
            if (pieces.size() < 2) continue;
            send(pieces);
            ASSERT_EQ(punted(), std::vector<Frame>{datagram}) << size << " in " << piece;
        }
    }
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST_P(Fragments, OfTwoDatagramsDoNotMix) {
    const Frame a = hello(1500, 1);
    const Frame b = hello(1500, 2);
    const auto pa = cut(whole(setup, a), 1, 800);
    const auto pb = cut(whole(setup, b), 2, 800);
    send({pa[0], pb[1], pb[0], pa[1]});
    auto got = punted();
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, (std::vector<Frame>{a, b}));
}

TEST_F(FragmentsOfIpv4, OfAPublisherReachTheViewers) {
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6001);
    h.add_video_leg(viewer, source, 0x9000);
    for (std::uint16_t n = 0; n < 20; ++n) {
        const Frame packet = vp8_packet(n, 3000u * n, 0x1111, n == 0, 1300);
        if (n % 2 == 0)
            send(cut(whole(setup, packet, 5000), n + 1u, 680));
        else
            h.send(publisher, packet);
    }
    h.settle();
    EXPECT_EQ(h.media_to(viewer, h.received()).size(), 20u);
    EXPECT_EQ(h.counters().reassembled, 10u);
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST_P(Fragments, ThatRepeatAreRefusedAlone) {
    const Frame datagram = hello(1500);
    const auto pieces = cut(whole(setup, datagram), 5, 800);
    send({pieces[0], pieces[0], pieces[0], pieces[1]});
    EXPECT_EQ(punted(), std::vector<Frame>{datagram});
    EXPECT_EQ(h.drops(DropReason::fragment_duplicate), 2u);
    EXPECT_EQ(h.total_drops(), 2u);
}

TEST_P(Fragments, ThatOverlapTakeTheirDatagramWithThem) {
    const Frame frame = whole(setup, hello(1500));
    const std::size_t total = 1508;
    send({piece_of(frame, 5, 0, 800, true), piece_of(frame, 5, 792, total - 792, false),
          piece_of(frame, 5, 800, total - 800, false)});
    EXPECT_TRUE(punted().empty());
    EXPECT_EQ(h.drops(DropReason::fragment_overlap), 3u);
    // The attack is over with its id: another datagram, and later this id too.
    const auto pieces = cut(frame, 6, 800);
    send(pieces);
    EXPECT_EQ(punted().size(), 1u);
    pass_the_timeout();
    send(cut(frame, 5, 800));
    EXPECT_EQ(punted().size(), 1u);
    EXPECT_EQ(h.total_drops(), 3u);
}

TEST_P(Fragments, ThatAreTinyOrTooLongAreRefused) {
    const Frame frame = whole(setup, hello(1900));
    send({piece_of(frame, 1, 0, 8, true), piece_of(frame, 2, 0, 248, true), piece_of(frame, 3, 8, 16, true)});
    EXPECT_EQ(h.drops(DropReason::fragment_tiny), 3u);
    Frame beyond = piece_of(frame, 4, 0, 400, true);
    const std::uint16_t far = 1600;
    if (setup.v6)
        store(beyond.data() + mac_header + 42, be16{static_cast<std::uint16_t>(far | 1)});
    else
        store(beyond.data() + mac_header + 6, be16{static_cast<std::uint16_t>(far / 8 | 0x2000)});
    send({beyond});
    EXPECT_EQ(h.drops(DropReason::fragment_too_long), 1u);
    EXPECT_EQ(h.counters().fragments, 0u) << "none of them costs main anything";
    EXPECT_EQ(h.total_drops(), 4u);
}

TEST_P(Fragments, OfNobodysDatagramsDieInTheWorker) {
    Wire other = setup;
    other.port = 9999;
    send(cut(whole(other, hello(1500)), 1, 800));
    EXPECT_EQ(h.drops(DropReason::not_our_port), 1u) << "only the first piece has a port";
    Frame not_udp = cut(whole(setup, hello(1500)), 2, 800)[0];
    not_udp[mac_header + (setup.v6 ? 40 : 9)] = 6;
    send({not_udp});
    EXPECT_EQ(h.drops(DropReason::frame_unsupported), 1u);
    Frame not_ours = cut(whole(setup, hello(1500)), 3, 800)[0];
    not_ours[mac_header + (setup.v6 ? 39 : 19)] = 99;
    send({not_ours});
    EXPECT_EQ(h.drops(DropReason::not_our_address), 1u);
    if (!setup.v6) {
        Frame damaged = cut(whole(setup, hello(1500)), 4, 800)[0];
        damaged[mac_header + 8] ^= 1;  // the TTL
        send({damaged});
        EXPECT_EQ(h.drops(DropReason::frame_bad_checksum), 1u);
    }
    Frame cut_off = cut(whole(setup, hello(1500)), 5, 800)[0];
    cut_off.resize(cut_off.size() - 1);
    send({cut_off});
    pass_the_timeout();
    EXPECT_EQ(h.drops(DropReason::fragment_timeout), 1u) << "the second piece of the first datagram";
    EXPECT_EQ(h.total_drops(), setup.v6 ? 5u : 6u);
}

TEST_P(Fragments, OfDifferentDatagramsUnderOneIdFailTheChecksum) {
    const auto a = cut(whole(setup, hello(1500, 1)), 9, 800);
    const auto b = cut(whole(setup, hello(1500, 2)), 9, 800);
    send({a[0], b[1]});
    EXPECT_TRUE(punted().empty());
    EXPECT_EQ(h.drops(DropReason::frame_bad_checksum), 2u);
}

TEST_P(Fragments, ThatStayAloneAreForgotten) {
    const auto pieces = cut(whole(setup, hello(1500)), 5, 600);
    send({pieces[0], pieces[2]});
    EXPECT_EQ(h.plane().reassembly().buffers_in_use(), 2u);
    pass_the_timeout();
    EXPECT_EQ(h.drops(DropReason::fragment_timeout), 2u);
    EXPECT_EQ(h.plane().reassembly().buffers_in_use(), 0u);
    send({pieces[1]});
    EXPECT_TRUE(punted().empty()) << "what came too late completes nothing";
}

TEST_F(FragmentsOfIpv6, ThatAreWholeByThemselvesAreTaken) {
    const Frame datagram = hello(700);
    send({piece_of(whole(setup, datagram), 1, 0, 708, false)});
    EXPECT_EQ(punted(), std::vector<Frame>{datagram});
}

TEST_P(Fragments, InAFloodCostNobodyElse) {
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6001);
    h.add_video_leg(viewer, source, 0x9000);
    (void)h.received();
    Wire flooder = setup;
    flooder.from = setup.v6 ? "2001:db8:1::66" : "203.0.113.66";
    const Frame flood = whole(flooder, hello(1500));
    std::uint64_t flooded = 0;
    std::size_t media = 0;
    for (std::uint16_t n = 0; n < 100; ++n) {
        for (int i = 0; i < 60; ++i) h.send_frame(piece_of(flood, static_cast<std::uint32_t>(flooded++), 0, 800, true));
        h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
        const Frame datagram = hello(1500, static_cast<std::uint8_t>(n));
        for (const Frame& f : cut(whole(setup, datagram), 1000u + n, 800)) h.send_frame(f);
        h.settle();
        EXPECT_EQ(punted(), std::vector<Frame>{datagram}) << "a legitimate datagram in the flood";
        media += media_packets(h.payloads_to(viewer, h.received()));
    }
    EXPECT_EQ(media, 100u);
    EXPECT_GT(h.drops(DropReason::fragment_limited), 4000u);
    pass_the_timeout();
    EXPECT_EQ(h.drops(DropReason::fragment_limited) + h.drops(DropReason::fragment_timeout), flooded);
    EXPECT_EQ(h.total_drops(), flooded);
    EXPECT_EQ(h.counters().rx_packets, flooded + 100 + 200) << "each is a drop, a media packet or half a datagram";
}

TEST_P(Fragments, RandomlyCutAndMangledNeverLeak) {
    std::mt19937 random(3);
    for (std::uint32_t n = 0; n < 300; ++n) {
        Wire s = setup;
        const std::string from =
            setup.v6 ? "2001:db8:" + std::to_string(n % 200 + 1) + "::5" : "10.9." + std::to_string(n % 200) + ".5";
        s.from = from.c_str();
        auto pieces = cut(whole(s, hello(600 + random() % 1300)), random() % 20, 256 + random() % 100 * 8);
        std::shuffle(pieces.begin(), pieces.end(), random);
        for (Frame& f : pieces) {
            if (random() % 3 == 0) f[mac_header + random() % 50] = static_cast<std::uint8_t>(random());
            if (random() % 10 == 0) f.resize(random() % f.size());
        }
        send(pieces);
    }
    pass_the_timeout();
}

TEST(FragmentsOverWorkers, ComeOutAtTheWorkerWhosePortTheyAreFor) {
    Harness h(2);
    abi::TransportSpec spec = h.transport_spec(1, 6000, 1);
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    Wire s;
    s.port = 7883;
    const Frame datagram = hello(1500);
    for (const Frame& f : cut(whole(s, datagram), 1, 800)) h.send_frame(f, 0);
    h.settle();
    EXPECT_EQ(h.counters(0).fragments, 2u);
    EXPECT_EQ(h.counters(1).reassembled, 1u);
    EXPECT_EQ(h.counters(1).punted, 1u);
    EXPECT_EQ(h.total_drops(), 0u);
    EXPECT_EQ(h.plane().reassembly().buffers_in_use(), 0u);
}

TEST(FragmentsOverWorkers, UnderWayAtTheEndAreFreed) {
    Harness h;
    const auto pieces = cut(whole({}, hello(1500)), 1, 800);
    h.send_frame(pieces[0]);
    h.settle();
    EXPECT_EQ(h.plane().reassembly().buffers_in_use(), 1u);
    // The harness ends here: nothing may be left in the pool when it is freed (the sanitizer tree looks).
}

// Only the first piece names a port, so the kernel is shown all of them, and leaves ours alone.
TEST(FragmentsBesideAHostPort, ReachTheKernelAndMediasAreJoinedAsWell) {
    Harness h({.host_port = true});
    ASSERT_EQ(h.program(h.transport_spec(1, 6000, 0)), abi::Status::ok);
    const Frame datagram = hello(1800);
    const auto media = cut(whole({}, datagram), 1, 600);
    auto ping = cut(whole({}, hello(1800)), 2, 600);
    for (Frame& piece : ping) {
        auto ip = load<wire::Ipv4Header>(piece.data() + mac_header);
        ip.protocol = 1;
        ip.checksum = be16{};
        store(piece.data() + mac_header, ip);
        ip.checksum = wire::internet_checksum(ByteView(piece).subspan(mac_header, 20));
        store(piece.data() + mac_header, ip);
    }
    const auto services = cut(whole({.port = 5000}, hello(400)), 3, 408);
    std::vector<Frame> sent;
    for (const auto& pieces : {media, ping, services}) sent.insert(sent.end(), pieces.begin(), pieces.end());
    sent.push_back(piece_of(whole({.port = 5000}, hello(1800)), 4, 0, 600, true));  // the rest was lost on the way
    for (const Frame& frame : sent) h.send_frame(frame);
    h.settle();

    std::vector<Frame> kernels;
    static port::HostFrame frame;
    while (h.to_host().pop(frame)) kernels.emplace_back(frame.bytes.begin(), frame.bytes.begin() + frame.length);
    EXPECT_EQ(kernels, sent);
    abi::PacketRingConsumer ring(h.plane().rings().data() + abi::RingLayout::punt(0, abi::PuntClass::dtls),
                                 abi::RingLayout::slots);
    static abi::PacketSlot slot;
    ASSERT_EQ(ring.pop(slot), abi::PacketRingConsumer::Result::ok);
    EXPECT_EQ(Frame(slot.datagram, slot.datagram + slot.record.length), datagram);
    EXPECT_EQ(ring.pop(slot), abi::PacketRingConsumer::Result::empty);
    EXPECT_EQ(h.total_drops(), 0u) << "the kernel has them";
    EXPECT_EQ(h.plane().reassembly().buffers_in_use(), 0u);
}

}  // namespace
}  // namespace sluice::test
