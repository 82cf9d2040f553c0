// 100,000 packets a second of garbage on the port that carries a stream: everything that looks like what belongs there and
// does not. The stream loses nothing, and each packet that came is accounted for.

#include <chrono>
#include <ctime>
#include <random>
#include <thread>

#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/stun_checks.hpp"

namespace sluice::test {
namespace {

using abi::DropReason;

constexpr int per_media_packet = 100;
constexpr std::uint16_t media_count = 2000;
constexpr double target = 100'000;  // packets per second

// What this thread worked: a machine that stands still meanwhile does not make the data plane slower.
double cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class GarbageRate : public testing::Test {
protected:
    void SetUp() override {
        h.add_video_leg(viewer, source, 0x9000);
        key.init(suite, publisher.to_us, *engine);
        (void)h.received();
    }
    void TearDown() override { key.wipe(); }
    Frame sealed_rtp(std::uint16_t sequence, bool keyframe, std::uint32_t ssrc = 0x1111) {
        const Frame plain = vp8_packet(sequence, 3000u * sequence, ssrc, keyframe);
        Frame out(plain.size() + 64);
        std::copy_n(plain.begin(), 12, out.begin());
        srtp::SealJob job{&key,     out.data(), 12, static_cast<std::uint16_t>(plain.size() - 12), plain.data() + 12,
                          sequence, ssrc,       0};
        engine->sealer().seal_rtp({&job, 1});
        out.resize(job.out_len);
        return out;
    }
    Frame sealed_rtcp(std::uint32_t index) {
        Frame out(128);
        wire::RtcpWriter w(out);
        EXPECT_TRUE(w.receiver_report(0xaaaa));
        out.resize(engine->sealer().seal_rtcp(key, out.data(), w.size(), index));
        return out;
    }
    Frame framed(const Peer& from, ByteView payload) {
        const auto path = wire::UdpTemplate::make({peer_mac, our_mac, from.address, {our_ip, 7882}, std::nullopt, 64, 0});
        Frame frame(path->header_length() + payload.size());
        path->stamp(frame.data(), static_cast<std::uint16_t>(payload.size()));
        std::copy(payload.begin(), payload.end(), frame.begin() + static_cast<std::ptrdiff_t>(path->header_length()));
        path->fill_udp_checksum(frame.data(), static_cast<std::uint16_t>(payload.size()));
        return frame;
    }
    void damage(Frame& bytes, std::size_t from) {
        for (std::uint32_t k = 1 + random() % 4; k > 0; --k) {
            bytes[from + random() % (bytes.size() - from)] ^= static_cast<std::uint8_t>(1 + random() % 255);
        }
    }
    Frame garbage() {
        Peer stranger;
        stranger.address = {*IpAddress::parse("10.77.3." + std::to_string(1 + random() % 200)),
                            static_cast<std::uint16_t>(1 + random() % 60'000)};
        const Peer& from = random() % 3 == 0 ? stranger : random() % 2 ? publisher : viewer;
        Frame payload;
        switch (random() % 6) {
            case 0: payload = check(random() % 2 ? "uf000001:peer" : "uf000002:peer"); break;
            case 1: payload = sealed_rtp(static_cast<std::uint16_t>(random()), false); break;
            case 2: payload = sealed_rtcp(random() & 0x7fff); break;
            case 3:
                payload = Frame(20 + random() % 200);
                payload[0] = static_cast<std::uint8_t>(20 + random() % 44);
                break;
            case 4:
                payload = Frame(1 + random() % 300);
                for (auto& b : payload) b = static_cast<std::uint8_t>(random());
                break;
            case 5: {
                Frame frame(random() % 200);
                for (auto& b : frame) b = static_cast<std::uint8_t>(random());
                return frame;
            }
        }
        damage(payload, 0);
        if (random() % 4 == 0) payload.resize(random() % payload.size());  // truncated
        Frame frame = framed(from, payload);
        if (random() % 8 == 0) damage(frame, 12);  // headers too
        if (random() % 8 == 0) frame.resize(random() % frame.size());
        return frame;
    }
    const srtp::Suite suite = srtp::Suite::aead_aes_128_gcm;
    Harness h;
    std::unique_ptr<srtp::Engine> engine = srtp::make_engine(srtp::Backend::ipsec_mb);
    Peer publisher = h.add_peer(5000, 0, suite);
    std::uint64_t source = h.add_video_source(publisher, 0x1111);
    Peer viewer = h.add_peer(6000, 0, suite);
    srtp::TxKey key;
    std::mt19937 random{23};
};

TEST_F(GarbageRate, OfAHundredThousandPacketsPerSecondDisturbsNothingAndIsAllAccountedFor) {
    std::vector<Frame> pieces;
    for (int i = 0; i < 20'000; ++i) pieces.push_back(garbage());
    std::vector<Frame> media;
    for (std::uint16_t n = 0; n < media_count; ++n) media.push_back(framed(publisher, sealed_rtp(n, n == 0)));
    std::size_t arrived = 0;
    std::uint64_t sent = 0;
    const double begun_s = cpu_seconds();
    for (std::uint16_t n = 0; n < media_count; ++n) {
        for (int k = 0; k < per_media_packet; ++k) h.send_frame(pieces[sent++ % pieces.size()]);
        h.send_frame(media[n]);
        h.settle();
        for (const Frame& f : h.received()) {
            // To the viewer's port, SRTP and not SRTCP.
            if (f.size() < 44 || load<be16>(f.data() + 36).value() != viewer.address.port || f[42] < 128) continue;
            arrived += f[43] < 192 || f[43] > 223;
        }
    }
    const double seconds = cpu_seconds() - begun_s;
    std::this_thread::sleep_for(
        std::chrono::nanoseconds(control::Reassembly::timeout_ns + 20'000'000));  // damaged into fragments
    h.settle();
    const abi::WorkerBlock& c = h.counters();
    EXPECT_EQ(arrived, media_count);
    EXPECT_EQ(c.rtp_in, media_count) << "garbage was taken for media";
    EXPECT_EQ(c.rx_packets, sent + media_count);
    // Ends of a received packet: media, answered here, punted, or dropped by name. No egress was dropped.
    EXPECT_EQ(c.rx_packets, c.rtp_in + c.stun_answered + c.punted + h.total_drops());
    EXPECT_EQ(h.drops(DropReason::none), 0u);
    for (const auto reason : {DropReason::stun_malformed, DropReason::stun_bad_integrity, DropReason::srtp_auth,
                              DropReason::srtcp_auth, DropReason::dtls_unknown_flow, DropReason::rtp_unknown_flow,
                              DropReason::frame_bad_length, DropReason::demux_unknown, DropReason::frame_unsupported}) {
        EXPECT_GT(h.drops(reason), 0u) << abi::drop_reasons[static_cast<std::size_t>(reason)].name;
    }
    EXPECT_EQ(h.plane().reassembly().buffers_in_use(), 0u);
    const double rate = static_cast<double>(sent) / seconds;
    RecordProperty("packets_per_second", std::to_string(static_cast<std::uint64_t>(rate)));
    std::printf("garbage: %.0f packets per CPU second beside %.0f of the stream\n", rate, media_count / seconds);
    EXPECT_GT(rate, target / 5);
}

}  // namespace
}  // namespace sluice::test
