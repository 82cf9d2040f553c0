#include <set>

#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

std::vector<wire::RtpView> rtp_of(const std::vector<Frame>& payloads) {
    std::vector<wire::RtpView> out;
    for (const Frame& p : payloads) {
        if (p.size() >= 2 && p[1] >= 192 && p[1] <= 223) continue;
        auto v = wire::RtpView::parse(p);
        if (v) out.push_back(*v);
    }
    return out;
}

TEST(Forwarding, OnePublisherReachesEveryViewerWithItsOwnNumbers) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    std::vector<Peer> viewers;
    for (std::uint16_t i = 0; i < 40; ++i) {
        viewers.push_back(h.add_peer(static_cast<std::uint16_t>(6000 + i)));
        h.add_video_leg(viewers.back(), source, 0x9000u + i);
    }
    (void)h.received();
    for (std::uint16_t n = 0; n < 10; ++n) {
        h.send(publisher, vp8_packet(static_cast<std::uint16_t>(65530 + n), 3000u * n, 0x1111, n == 0));
        h.settle();
    }
    const auto frames = h.received();
    for (std::uint16_t i = 0; i < 40; ++i) {
        const auto payloads = h.payloads_to(viewers[i], frames);
        const auto rtp = rtp_of(payloads);
        ASSERT_EQ(rtp.size(), 10u) << "viewer " << i;
        for (std::uint16_t n = 0; n < 10; ++n) {
            EXPECT_EQ(rtp[n].ssrc(), 0x9000u + i);
            EXPECT_EQ(rtp[n].sequence(), 1000 + n);
            EXPECT_EQ(rtp[n].payload_type(), 102);
            EXPECT_EQ(rtp[n].timestamp() - rtp[0].timestamp(), 3000u * n);
            const auto mid = rtp[n].find_extension(9);
            ASSERT_TRUE(mid.has_value());
            EXPECT_EQ((*mid)[0], '1');
            const Frame original = vp8_packet(static_cast<std::uint16_t>(65530 + n), 0, 0, n == 0);
            EXPECT_TRUE(std::equal(rtp[n].payload().begin(), rtp[n].payload().end(), original.begin() + 12, original.end()));
        }
    }
    EXPECT_EQ(h.counters().rtp_in, 10u);
    EXPECT_EQ(h.counters().rtp_out, 400u);
    EXPECT_EQ(h.total_drops(), 0u);
}

TEST(Forwarding, AViewerBeginsWithAKeyframeAndAsksForOne) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    h.send(publisher, vp8_packet(1, 0, 0x1111, false));  // with no keyframe to begin with
    h.settle();
    const Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000);
    h.send(publisher, vp8_packet(2, 3000, 0x1111, false));
    h.settle();
    EXPECT_TRUE(rtp_of(h.payloads_to(viewer, h.received())).empty());
    // The request goes upstream on the next tick (5 ms).
    bool asked = false;
    for (int i = 0; i < 100'000 && !asked; ++i) {
        h.turn(1);
        for (const Frame& p : h.payloads_to(publisher, h.received())) {
            auto reader = wire::RtcpReader::parse(p);
            if (!reader) continue;
            while (const auto packet = reader->next()) asked |= packet->is(wire::RtcpType::payload_feedback, wire::psfb_pli);
        }
    }
    EXPECT_TRUE(asked);
    h.send(publisher, vp8_packet(3, 6000, 0x1111, true));
    h.settle();
    const auto payloads = h.payloads_to(viewer, h.received());
    ASSERT_EQ(rtp_of(payloads).size(), 1u);
    EXPECT_EQ(rtp_of(payloads)[0].sequence(), 1000);
}

TEST(Forwarding, EveryViewerGetsItsOwnCiphertextThatLibsrtpOpens) {
    for (const auto suite : {srtp::Suite::aead_aes_128_gcm, srtp::Suite::aes_cm_128_hmac_sha1_80}) {
        for (const auto backend : {srtp::best_backend(), srtp::Backend::ipsec_mb, srtp::Backend::libsrtp}) {
            Harness h(1, backend);
            const Peer publisher = h.add_peer(5000, 0, suite);
            const auto source = h.add_video_source(publisher, 0x1111);
            std::vector<Peer> viewers;
            for (std::uint16_t i = 0; i < 20; ++i) {
                viewers.push_back(h.add_peer(static_cast<std::uint16_t>(6000 + i), 0, suite));
                h.add_video_leg(viewers.back(), source, 0x9000u + i);
            }
            srtp::TxKey publisher_key;
            publisher_key.init(suite, publisher.to_us, h.oracle());
            for (std::uint16_t n = 0; n < 5; ++n) {
                const Frame plain = vp8_packet(n, 3000u * n, 0x1111, n == 0, 900);
                Frame sealed(plain.size() + 64);
                std::copy_n(plain.begin(), 12, sealed.begin());
                srtp::SealJob job{&publisher_key,
                                  sealed.data(),
                                  12,
                                  static_cast<std::uint16_t>(plain.size() - 12),
                                  plain.data() + 12,
                                  n,
                                  0x1111,
                                  0};
                h.oracle().sealer().seal_rtp({&job, 1});
                sealed.resize(job.out_len);
                h.send(publisher, sealed);
                h.settle();
            }
            publisher_key.wipe();
            const auto frames = h.received();
            std::set<Frame> distinct;
            for (std::uint16_t i = 0; i < 20; ++i) {
                srtp::RxKey key;
                key.init(suite, viewers[i].to_peer, h.oracle());
                int opened = 0;
                for (const Frame& p : h.payloads_to(viewers[i], frames)) {
                    const auto view = wire::RtpView::parse(p, wire::RtpView::Padding::keep);
                    if (!view || (p[1] >= 192 && p[1] <= 223)) continue;
                    distinct.insert(Frame(p.begin() + static_cast<std::ptrdiff_t>(view->header_size()), p.end()));
                    Frame plain(p.size());
                    const auto size =
                        h.oracle().opener().open_rtp(key, p, view->header_size(), view->sequence(), plain.data());
                    ASSERT_TRUE(size.has_value()) << srtp::to_string(size.error());
                    const Frame original =
                        vp8_packet(static_cast<std::uint16_t>(view->sequence() - 1000), 0, 0, view->sequence() == 1000, 900);
                    EXPECT_TRUE(std::equal(original.begin() + 12, original.end(),
                                           plain.begin() + static_cast<std::ptrdiff_t>(view->header_size())));
                    ++opened;
                }
                EXPECT_EQ(opened, 5);
                key.wipe();
            }
            EXPECT_EQ(distinct.size(), 100u) << "two viewers got the same ciphertext";
        }
    }
}

TEST(Forwarding, ANackIsAnsweredAsRtxWithTheOriginalSequenceNumber) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000, 0x9001);
    for (std::uint16_t n = 0; n < 5; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    const auto before = h.media_to(viewer, h.received());
    std::array<std::uint8_t, 128> buffer;
    wire::RtcpWriter out(buffer);
    const std::uint16_t missing[] = {1002, 1003, 1500};
    ASSERT_TRUE(out.nack(1, 0x9000, missing));
    h.send(viewer, out.finish());
    h.settle();
    const auto payloads = h.payloads_to(viewer, h.received());
    const auto rtx = rtp_of(payloads);
    ASSERT_EQ(rtx.size(), 2u);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(rtx[i].ssrc(), 0x9001u);
        EXPECT_EQ(rtx[i].payload_type(), 103);
        EXPECT_EQ(rtx[i].sequence(), 5000 + i);
        EXPECT_EQ(load<be16>(rtx[i].payload().data()).value(), 1002 + i);
        const auto first = wire::RtpView::parse(before[static_cast<std::size_t>(2 + i)]);
        EXPECT_EQ(rtx[i].timestamp(), first->timestamp());
        EXPECT_TRUE(std::equal(rtx[i].payload().begin() + 2, rtx[i].payload().end(), first->payload().begin(),
                               first->payload().end()));
    }
    EXPECT_EQ(h.drops(DropReason::nack_not_in_history), 1u);
}

TEST(Forwarding, AViewerWithoutRtxGetsTheByteIdenticalPacket) {
    Harness h;
    const Peer publisher = h.add_peer(5000, 0, srtp::Suite::aead_aes_128_gcm);
    const Peer viewer = h.add_peer(6000, 0, srtp::Suite::plaintext);
    const Peer plain_publisher = h.add_peer(5001);
    const auto source = h.add_video_source(plain_publisher, 0x1111);
    h.add_video_leg(viewer, source, 0x9000);
    (void)publisher;
    for (std::uint16_t n = 0; n < 3; ++n) h.send(plain_publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    const auto before = h.media_to(viewer, h.received());
    std::array<std::uint8_t, 128> buffer;
    wire::RtcpWriter out(buffer);
    const std::uint16_t missing[] = {1001};
    ASSERT_TRUE(out.nack(1, 0x9000, missing));
    h.send(viewer, out.finish());
    h.settle();
    const auto again = h.media_to(viewer, h.received());
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0], before[1]);
}

// What the packet looked like then can no longer be written, and its index must not seal anything else.
TEST(Forwarding, APacketFromBeforeTheLegChangedItsHeaderIsNotSentAgain) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const Peer viewer = h.add_peer(6000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const auto leg = h.add_video_leg(viewer, source, 0x9000);
    for (std::uint16_t n = 0; n < 3; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    abi::LegSpec spec = h.leg_spec(leg, viewer, source, 0x9000, 0);
    spec.tx_extensions[static_cast<std::size_t>(abi::Extension::mid)] = 10;
    ASSERT_EQ(h.program(spec), abi::Status::ok);
    h.send(publisher, vp8_packet(3, 9000, 0x1111, false));
    h.settle();
    const auto before = h.media_to(viewer, h.received());
    ASSERT_EQ(before.size(), 4u);
    std::array<std::uint8_t, 128> buffer;
    wire::RtcpWriter out(buffer);
    const std::uint16_t missing[] = {1001, 1003};
    ASSERT_TRUE(out.nack(1, 0x9000, missing));
    h.send(viewer, out.finish());
    h.settle();
    const auto again = h.media_to(viewer, h.received());
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0], before[3]);
    EXPECT_EQ(h.drops(DropReason::nack_not_in_history), 1u);
}

TEST(Forwarding, APublisherWhoComesBackContinuesTheLegWithoutAGap) {
    Harness h;
    const Peer first = h.add_peer(5000);
    const Peer second = h.add_peer(5001);
    const auto a = h.add_video_source(first, 0x1111);
    const auto b = h.add_video_source(second, 0x2222);
    const Peer viewer = h.add_peer(6000);
    const auto leg = h.add_video_leg(viewer, a, 0x9000);
    for (std::uint16_t n = 0; n < 3; ++n) h.send(first, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    EXPECT_EQ(h.program(h.leg_spec(leg, viewer, b, 0x9000, 0)), abi::Status::ok);
    h.send(second, vp8_packet(40'000, 77, 0x2222, false));
    h.send(second, vp8_packet(40'001, 3077, 0x2222, true));
    h.send(second, vp8_packet(40'002, 6077, 0x2222, false));
    h.settle();
    const auto payloads = h.payloads_to(viewer, h.received());
    const auto rtp = rtp_of(payloads);
    ASSERT_EQ(rtp.size(), 5u);
    for (std::uint16_t n = 0; n < 5; ++n) EXPECT_EQ(rtp[n].sequence(), 1000 + n);
    EXPECT_GT(static_cast<std::int32_t>(rtp[3].timestamp() - rtp[2].timestamp()), 0);
    EXPECT_EQ(rtp[4].timestamp() - rtp[3].timestamp(), 3000u);
}

TEST(Forwarding, LossIsAskedForUpstreamAndRtxFillsTheGapOnce) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111, 0x1112);
    const Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000);
    for (const std::uint16_t n : {0, 1, 3}) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    std::vector<std::uint16_t> asked;
    for (int i = 0; i < 400'000 && asked.empty(); ++i) {
        h.turn(1);
        for (const Frame& p : h.payloads_to(publisher, h.received())) {
            auto reader = wire::RtcpReader::parse(p);
            if (!reader) continue;
            while (const auto packet = reader->next()) {
                if (packet->is(wire::RtcpType::transport_feedback, wire::rtpfb_nack)) {
                    (void)wire::for_each_nack(*packet, [&](std::uint16_t s) { asked.push_back(s); });
                }
            }
        }
    }
    EXPECT_EQ(asked, (std::vector<std::uint16_t>{2}));
    const Frame original = vp8_packet(2, 6000, 0x1111, false);
    Frame rtx = vp8_packet(700, 6000, 0x1112, false, 202, 97);
    rtx[12] = 0;
    rtx[13] = 2;
    std::copy(original.begin() + 12, original.end(), rtx.begin() + 14);
    h.send(publisher, rtx);
    h.send(publisher, original);
    h.settle();
    EXPECT_EQ(h.drops(DropReason::rtp_duplicate), 1u);
    const auto payloads = h.payloads_to(viewer, h.received());
    const auto rtp = rtp_of(payloads);
    ASSERT_EQ(rtp.size(), 1u);
    EXPECT_EQ(rtp[0].sequence(), 1002);
    EXPECT_TRUE(std::equal(rtp[0].payload().begin(), rtp[0].payload().end(), original.begin() + 12, original.end()));
}

// libsrtp, and so every browser, counts SRTCP indices per SSRC.
TEST(Forwarding, TwoSsrcsOfOnePeerMayUseTheSameSrtcpIndexAndNoneMayRepeatIt) {
    Harness h;
    const auto suite = srtp::Suite::aead_aes_128_gcm;
    const Peer peer = h.add_peer(6000, 0, suite);
    auto engine = srtp::make_engine(srtp::Backend::ipsec_mb);
    srtp::TxKey key;
    key.init(suite, peer.to_us, *engine);
    const auto report = [&](std::uint32_t ssrc, std::uint32_t index) {
        Frame packet(128);
        wire::RtcpWriter out(packet);
        EXPECT_TRUE(out.receiver_report(ssrc));
        packet.resize(engine->sealer().seal_rtcp(key, packet.data(), out.size(), index));
        h.send(peer, packet);
        h.settle();
    };
    report(0xaaaa, 1);
    report(0xbbbb, 1);
    report(0xaaaa, 2);
    EXPECT_EQ(h.drops(DropReason::srtcp_replay), 0u);
    report(0xbbbb, 1);
    EXPECT_EQ(h.drops(DropReason::srtcp_replay), 1u);
    key.wipe();
}

TEST(Forwarding, AnSsrcIsLearnedByMid) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0);
    const Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000);
    const std::uint8_t wrong = '7';
    const std::uint8_t right = '1';
    const wire::RtpExtensionElement wrong_mid[] = {{mid_id, {&wrong, 1}}};
    const wire::RtpExtensionElement right_mid[] = {{mid_id, {&right, 1}}};
    h.send(publisher, vp8_packet(1, 0, 0xaaaa, true, 200, 96, wrong_mid));
    h.send(publisher, vp8_packet(1, 0, 0xbbbb, true, 200, 96, right_mid));
    h.send(publisher, vp8_packet(2, 0, 0xbbbb, false));
    h.settle();
    EXPECT_EQ(h.drops(DropReason::rtp_unknown_ssrc), 1u);
    EXPECT_EQ(rtp_of(h.payloads_to(viewer, h.received())).size(), 2u);
}

TEST(Forwarding, SeveralWorkersShareOneRoom) {
    Harness h(3);
    const Peer publisher = h.add_peer(5000, 0);
    const auto source = h.add_video_source(publisher, 0x1111);
    std::vector<Peer> viewers;
    for (std::uint16_t i = 0; i < 12; ++i) {
        viewers.push_back(h.add_peer(static_cast<std::uint16_t>(6000 + i), i % 3));
        h.add_video_leg(viewers.back(), source, 0x9000u + i);
    }
    // The port steers nothing: every frame arrives on queue 1, so most are handed over.
    for (std::uint16_t n = 0; n < 10; ++n) {
        h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0), 1);
        h.settle();
    }
    const auto frames = h.received();
    for (const Peer& viewer : viewers) {
        const auto payloads = h.payloads_to(viewer, frames);
        EXPECT_EQ(rtp_of(payloads).size(), 10u);
        for (const Frame& f : frames) {
            const auto d = wire::parse_udp_frame(f);
            if (d->destination == viewer.address) {
                EXPECT_EQ(d->source.port, 7882 + viewer.worker);
            }
        }
    }
    EXPECT_EQ(h.counters(1).handed_over, 10u);
    EXPECT_EQ(h.total_drops(), 0u);
    // A viewer on another worker asks for a keyframe: the publisher's worker sends it.
    std::array<std::uint8_t, 64> buffer;
    wire::RtcpWriter out(buffer);
    ASSERT_TRUE(out.pli(1, 0x9001));
    h.send(viewers[1], out.finish());
    h.settle();
    EXPECT_GT(h.counters(0).stages[static_cast<std::size_t>(abi::Stage::rtcp)].packets +
                  h.counters(1).stages[static_cast<std::size_t>(abi::Stage::rtcp)].packets,
              0u);
}

TEST(Forwarding, RemovingEverythingGivesAllMemoryBack) {
    Harness h(2);
    const auto history_free = [&] {
        // The counter is refreshed on the timer tick.
        for (int i = 0; i < 20'000; ++i) h.turn(1);
        return h.counters(0).history_free;
    };
    const Peer publisher = h.add_peer(5000, 0);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6000, 1);
    const Peer second = h.add_peer(6001, 0);
    const auto leg = h.add_video_leg(viewer, source, 0x9000);
    h.add_video_leg(second, source, 0x9100);
    for (std::uint16_t n = 0; n < 300; ++n) {
        h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
        if (n % 20 == 0) h.settle();
    }
    h.settle();
    (void)h.received();
    abi::Remove m;
    m.kind = abi::ObjectKind::leg;
    m.id = leg;
    EXPECT_EQ(h.program(m), abi::Status::ok);
    h.send(publisher, vp8_packet(300, 0, 0x1111, false));
    h.settle();
    for (const auto id : {publisher.transport, viewer.transport, second.transport}) {
        m.kind = abi::ObjectKind::transport;
        m.id = id;
        EXPECT_EQ(h.program(m), abi::Status::ok);
        EXPECT_EQ(h.program(m), abi::Status::ok) << "REMOVE is idempotent";
    }
    EXPECT_EQ(h.plane().registry().transports(), 0u);
    EXPECT_EQ(h.plane().registry().sources(), 0u);
    EXPECT_EQ(h.plane().registry().legs(), 0u);
    const Peer last = h.add_peer(7000, 0);
    EXPECT_EQ(history_free(), h.counters(0).history_total);
    h.send(publisher, vp8_packet(301, 0, 0x1111, false));
    h.settle();
    EXPECT_EQ(h.drops(DropReason::rtp_unknown_flow), 1u);
    (void)last;
}

}  // namespace
}  // namespace sluice::test
