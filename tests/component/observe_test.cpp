// Capture and trace, through the control socket and the rings, of a data plane that is driven turn by turn.

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "dataplane/abi/capture_ring.hpp"
#include "dataplane/abi/message_reader.hpp"
#include "dataplane/abi/trace.hpp"
#include "dataplane/app/log.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "tests/component/allocation.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

using abi::CaptureKind;
using abi::CaptureRecord;
using abi::Direction;
using abi::DropReason;
using abi::ObserveKind;
using abi::Status;
using abi::TraceKind;

struct Shown {
    CaptureRecord record;
    Frame bytes;
};

// An observer on the control socket, in the thread of the test.
class Observer {
public:
    explicit Observer(Harness& h) : h_(h), fd_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, h.control_socket().c_str(), sizeof address.sun_path - 1);
        EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
        abi::Hello hello;
        EXPECT_TRUE(ask(hello)) << "no HELLO_REPLY";
    }
    ~Observer() { leave(); }
    void leave() {
        if (base_ != nullptr) munmap(base_, size_);
        base_ = nullptr;
        if (fd_ >= 0) close(fd_);
        fd_ = -1;
        h_.settle();
    }

    abi::ObserveStarted start(ObserveKind kind, std::vector<std::uint64_t> transports = {},
                              std::uint16_t worker = abi::every_worker, std::uint32_t snaplen = 0) {
        abi::ObserveStart m;
        m.kind = kind;
        m.worker = worker;
        m.snaplen = snaplen;
        m.count = static_cast<std::uint32_t>(transports.size());
        std::copy(transports.begin(), transports.end(), m.transports.begin());
        EXPECT_TRUE(ask(m));
        const auto started = abi::read_as<abi::ObserveStarted>(answer_);
        if (!started) {  // refused before it was read
            abi::ObserveStarted refused;
            refused.status = abi::read_as<abi::Ack>(answer_)->status;
            return refused;
        }
        EXPECT_EQ(started->status == Status::ok, memory_ >= 0);
        if (memory_ < 0) return *started;
        size_ = abi::CaptureLayout::total(started->workers, started->ring_bytes);
        base_ = static_cast<std::uint8_t*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0));
        EXPECT_NE(base_, MAP_FAILED);
        close(memory_);
        rings_.clear();
        for (std::uint32_t w = 0; w < started->workers; ++w) {
            rings_.emplace_back(base_ + w * abi::CaptureLayout::stride(started->ring_bytes), started->ring_bytes);
        }
        return *started;
    }
    Status stop(ObserveKind kind) {
        abi::ObserveStop m;
        m.kind = kind;
        EXPECT_TRUE(ask(m));
        return abi::read_as<abi::Ack>(answer_)->status;
    }

    std::vector<Shown> read(std::uint32_t worker = 0) {
        std::vector<Shown> all;
        std::array<std::uint8_t, abi::max_captured> room;
        for (;;) {
            Shown shown;
            const auto result = rings_[worker].pop(shown.record, room);
            EXPECT_NE(result, abi::CaptureRingConsumer::Result::invalid);
            if (result != abi::CaptureRingConsumer::Result::ok) return all;
            shown.bytes.assign(room.begin(), room.begin() + shown.record.captured);
            all.push_back(std::move(shown));
        }
    }
    std::vector<TraceKind> events() {
        std::vector<TraceKind> kinds;
        trace.clear();
        for (const Shown& s : read()) {
            EXPECT_EQ(s.record.kind, CaptureKind::trace);
            trace.push_back(load<abi::TraceRecord>(s.bytes.data()));
            kinds.push_back(trace.back().kind);
        }
        return kinds;
    }
    abi::CaptureRingConsumer& ring(std::uint32_t worker = 0) { return rings_[worker]; }
    std::vector<abi::TraceRecord> trace;

private:
    template <typename T>
    bool ask(T message) {
        abi::finish(message, ++seq_, 0);
        EXPECT_EQ(send(fd_, &message, sizeof message, 0), static_cast<ssize_t>(sizeof message));
        for (int i = 0; i < 1000; ++i) {
            h_.turn(1);
            if (receive() && load<abi::MessageHeader>(answer_.data()).seq == seq_) return true;
        }
        return false;
    }
    bool receive() {
        answer_.resize(4096);
        iovec io{answer_.data(), answer_.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)];
        msghdr m{};
        m.msg_iov = &io;
        m.msg_iovlen = 1;
        m.msg_control = control;
        m.msg_controllen = sizeof control;
        const ssize_t n = recvmsg(fd_, &m, MSG_CMSG_CLOEXEC);
        if (n <= 0) return false;
        answer_.resize(static_cast<std::size_t>(n));
        memory_ = -1;
        if (const cmsghdr* c = CMSG_FIRSTHDR(&m)) std::memcpy(&memory_, CMSG_DATA(c), sizeof memory_);
        return true;
    }

    Harness& h_;
    int fd_;
    int memory_ = -1;
    std::uint64_t seq_ = 0;
    std::uint8_t* base_ = nullptr;
    std::size_t size_ = 0;
    Frame answer_;
    std::vector<abi::CaptureRingConsumer> rings_;
};

std::vector<Frame> frames_of(const std::vector<Shown>& shown, Direction direction) {
    std::vector<Frame> out;
    for (const Shown& s : shown) {
        if (s.record.direction == direction) out.push_back(s.bytes);
    }
    return out;
}

// The frame that the harness makes of a datagram of `peer`.
Frame frame_of(const Peer& peer, const Frame& payload) {
    const Endpoint local{our_ip, static_cast<std::uint16_t>(7882 + peer.worker)};
    const auto path = wire::UdpTemplate::make({peer_mac, our_mac, peer.address, local, std::nullopt, 64, 0});
    Frame frame(path->header_length() + payload.size());
    path->stamp(frame.data(), static_cast<std::uint16_t>(payload.size()));
    std::copy(payload.begin(), payload.end(), frame.begin() + static_cast<std::ptrdiff_t>(path->header_length()));
    path->fill_udp_checksum(frame.data(), static_cast<std::uint16_t>(payload.size()));
    return frame;
}

bool is_rtcp(ByteView payload) {
    return payload[1] >= 192 && payload[1] <= 223;
}

// RTP, sealed or not.
bool is_media(const Frame& frame) {
    const auto d = wire::parse_udp_frame(frame);
    if (!d || d->payload_length < 2) return false;
    const ByteView payload = d->payload(frame);
    return payload[0] >= 128 && payload[0] < 192 && !is_rtcp(payload);
}

std::vector<Frame> media(std::vector<Frame> frames) {
    std::erase_if(frames, [](const Frame& f) { return !is_media(f); });
    return frames;
}

TEST(Capture, SeesExactlyTheFramesThatPassAtTheWorkerThatHandlesThem) {
    Harness h(2);
    const auto suite = srtp::Suite::aead_aes_128_gcm;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer near = h.add_peer(6000, 0, suite), far = h.add_peer(6001, 1, suite);
    h.add_video_leg(near, source, 0x9000);
    h.add_video_leg(far, source, 0x9001);
    h.settle();
    (void)h.received();
    Observer observer(h);
    ASSERT_EQ(observer.start(ObserveKind::capture).status, Status::ok);
    std::vector<Frame> sent;
    for (std::uint16_t n = 0; n < 100; ++n) {
        const Frame packet = vp8_packet(n, 3000u * n, 0x1111, n == 0);
        h.send(publisher, packet, n % 2);  // every other one on the wrong queue: handed over
        h.settle();
        sent.push_back(frame_of(publisher, packet));
    }
    h.send_frame({1, 2, 3}, 1);  // no frame at all is a frame too
    h.settle();
    ASSERT_EQ(observer.stop(ObserveKind::capture), Status::ok);
    const auto on_wire = media(h.received());
    const auto w0 = observer.read(0), w1 = observer.read(1);
    EXPECT_EQ(media(frames_of(w0, Direction::rx)), sent);
    EXPECT_EQ(frames_of(w1, Direction::rx), std::vector<Frame>({{1, 2, 3}}));
    auto shown = media(frames_of(w0, Direction::tx));
    EXPECT_EQ(shown.size(), 100u);
    std::ranges::copy(media(frames_of(w1, Direction::tx)), std::back_inserter(shown));
    EXPECT_THAT(shown, testing::UnorderedElementsAreArray(on_wire));
    std::int64_t before = 0;
    for (const Shown& s : w0) {
        EXPECT_EQ(s.record.kind, CaptureKind::frame);
        EXPECT_EQ(s.record.length, s.bytes.size());
        EXPECT_EQ(s.record.worker, 0);
        EXPECT_GE(s.record.unix_ns, before - 1'000'000) << "time runs on";
        before = s.record.unix_ns;
        if (is_media(s.bytes)) {
            EXPECT_EQ(s.record.transport, s.record.direction == Direction::rx ? publisher.transport : near.transport);
        }
    }
    EXPECT_EQ(observer.ring(0).lost(), 0u);
    // It has ended: nothing more comes.
    h.send(publisher, vp8_packet(100, 300'000, 0x1111, false));
    h.settle();
    EXPECT_TRUE(observer.read(0).empty());
}

TEST(Capture, ShowsOnlyTheTransportsAndTheWorkerThatWereAskedFor) {
    Harness h(2);
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    std::vector<Peer> viewers;
    for (std::uint16_t i = 0; i < 6; ++i) {
        viewers.push_back(h.add_peer(static_cast<std::uint16_t>(6000 + i), i % 2));
        h.add_video_leg(viewers.back(), source, 0x9000u + i);
    }
    const auto stream = [&](std::uint16_t from) {
        for (std::uint16_t n = from; n < from + 5; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, true));
        h.settle();
    };
    Observer observer(h);
    ASSERT_EQ(
        observer.start(ObserveKind::capture, {viewers[1].transport, viewers[2].transport}, abi::every_worker, 60).status,
        Status::ok);
    stream(0);
    for (const std::uint32_t w : {0u, 1u}) {
        const auto shown = observer.read(w);
        EXPECT_EQ(media(frames_of(shown, Direction::tx)).size(), 0u) << "60 bytes are no whole datagram";
        std::size_t whole = 0;
        for (const Shown& s : shown) {
            EXPECT_EQ(s.record.transport, viewers[w == 0 ? 2 : 1].transport);
            EXPECT_LE(s.bytes.size(), 60u);
            whole += s.record.length > 200;
        }
        EXPECT_EQ(whole, 5u);
    }
    EXPECT_EQ(observer.stop(ObserveKind::capture), Status::ok);
    ASSERT_EQ(observer.start(ObserveKind::capture, {}, 1).status, Status::ok);
    stream(5);
    EXPECT_EQ(media(frames_of(observer.read(1), Direction::tx)).size(), 15u);
    EXPECT_TRUE(observer.read(0).empty());
    (void)h.received();
}

TEST(Capture, ASlowReaderLosesCountedFramesAndDisturbsNothing) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6000);
    h.add_video_leg(viewer, source, 0x9000);
    Observer observer(h);
    ASSERT_EQ(observer.start(ObserveKind::capture).status, Status::ok);
    (void)observer.read();  // what came between its start and here
    const std::uint64_t frames_before = h.counters().rx_packets + h.counters().tx_packets;
    const std::uint64_t allocated = AllocationGuard::counted();
    constexpr std::uint16_t packets = 3000;
    std::size_t delivered = 0;
    for (std::uint16_t n = 0; n < packets; ++n) {
        h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0, 1000));
        if (n % 50 != 49) continue;
        h.settle();
        delivered += media(h.received()).size();
    }
    EXPECT_EQ(delivered, packets);
    if (allocations_are_counted) {
        EXPECT_EQ(AllocationGuard::counted(), allocated) << "a worker allocated";
    }
    const std::uint64_t frames = h.counters().rx_packets + h.counters().tx_packets - frames_before;
    const std::uint64_t lost = observer.ring().lost();
    EXPECT_GT(lost, 1000u) << "4 MiB hold no 6000 frames of 1 kB";
    const auto kept = observer.read();
    EXPECT_EQ(kept.size() + lost, frames);
    EXPECT_EQ(kept.front().record.lost, 0u);
    h.send(publisher, vp8_packet(packets, 3000u * packets, 0x1111, false));
    h.settle();
    const auto later = observer.read();
    ASSERT_FALSE(later.empty());
    EXPECT_EQ(later.front().record.lost, lost) << "the gap is told with the next frame";
    (void)h.received();
}

TEST(Capture, AFrameThatThePortDidNotTakeIsNotShownAsSent) {
    Harness h({.tx_slots = 512});
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    for (std::uint16_t i = 0; i < 100; ++i) {
        const Peer viewer = h.add_peer(static_cast<std::uint16_t>(6000 + i));
        h.add_video_leg(viewer, source, 0x9000u + i);
    }
    Observer observer(h);
    ASSERT_EQ(observer.start(ObserveKind::capture).status, Status::ok);
    (void)observer.read();
    (void)h.received();
    h.announcements.clear();
    // The port's ring holds 511 frames, and nobody takes them away.
    std::vector<Shown> shown;
    for (std::uint16_t n = 0; n < 10; ++n) {
        h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
        h.settle();
        std::ranges::move(observer.read(), std::back_inserter(shown));
    }
    EXPECT_GT(h.counters().tx_full, 0u);
    std::vector<Frame> told, announced;  // the latter come by time
    for (const Frame& frame : frames_of(shown, Direction::tx))
        (load<Mac>(frame.data()).is_multicast() ? announced : told).push_back(frame);
    EXPECT_THAT(told, testing::ElementsAreArray(h.received()));
    EXPECT_THAT(announced, testing::ElementsAreArray(h.announcements));
}

TEST(Capture, ShowsMediaInTheClearOnlyWhenAskedFor) {
    for (const auto suite : {srtp::Suite::aead_aes_128_gcm, srtp::Suite::aes_cm_128_hmac_sha1_80}) {
        Harness h;
        const Peer publisher = h.add_peer(5000, 0, suite);
        const auto source = h.add_video_source(publisher, 0x1111);
        const Peer viewer = h.add_peer(6000, 0, suite);
        h.add_video_leg(viewer, source, 0x9000, 0x9001);
        srtp::TxKey key;
        key.init(suite, publisher.to_us, h.oracle());
        const auto publish = [&](std::uint16_t n) {
            const Frame plain = vp8_packet(n, 3000u * n, 0x1111, n == 0, 900);
            Frame sealed(plain.size() + 64);
            std::copy_n(plain.begin(), 12, sealed.begin());
            srtp::SealJob job{&key, sealed.data(), 12, static_cast<std::uint16_t>(plain.size() - 12), plain.data() + 12,
                              n,    0x1111,        0};
            h.oracle().sealer().seal_rtp({&job, 1});
            sealed.resize(job.out_len);
            h.send(publisher, sealed);
            h.settle();
            return plain;
        };
        const auto holds = [](const Shown& s, const Frame& plain) {
            return std::ranges::search(s.bytes, std::span(plain).subspan(20, 700)).begin() != s.bytes.end();
        };
        Observer observer(h);
        ASSERT_EQ(observer.start(ObserveKind::capture).status, Status::ok);
        Frame plain = publish(0);
        for (const Shown& s : observer.read()) {
            EXPECT_EQ(s.record.kind, CaptureKind::frame);
            EXPECT_FALSE(holds(s, plain)) << "a capture without --plaintext showed content";
        }
        EXPECT_EQ(observer.stop(ObserveKind::capture), Status::ok);
        (void)h.received();

        ASSERT_EQ(observer.start(ObserveKind::plaintext).status, Status::ok);
        plain = publish(1);
        std::size_t rx = 0, tx = 0;
        for (const Shown& s : observer.read()) {
            const auto d = wire::parse_udp_frame(s.bytes);
            if (!d || s.record.kind != CaptureKind::opened) {
                EXPECT_FALSE(is_media(s.bytes)) << "sealed media in a plaintext capture";
                continue;
            }
            EXPECT_EQ(s.record.length, s.bytes.size());
            EXPECT_TRUE(wire::ip_checksum_valid(s.bytes, *d));
            EXPECT_TRUE(wire::udp_checksum_valid(s.bytes, *d));
            if (is_rtcp(d->payload(s.bytes))) continue;
            EXPECT_TRUE(holds(s, plain));
            if (s.record.direction == Direction::rx) {
                ++rx;
                EXPECT_EQ(Frame(d->payload(s.bytes).begin(), d->payload(s.bytes).end()), plain);
                EXPECT_EQ(s.record.transport, publisher.transport);
                EXPECT_EQ(d->source, publisher.address);
            } else {
                ++tx;
                EXPECT_EQ(d->destination, viewer.address);
                EXPECT_EQ(wire::RtpView::parse(d->payload(s.bytes))->ssrc(), 0x9000u);
            }
        }
        EXPECT_EQ(rx, 1u);
        EXPECT_EQ(tx, 1u);
        key.wipe();
        (void)h.received();
    }
}

TEST(Capture, OfPlaintextIsAuditedAtEveryLevelAndInTheFormatOfTheLog) {
    Harness h;
    Observer observer(h);
    app::set_log({.level = config::LogLevel::error, .json = true, .node = "n1"});
    testing::internal::CaptureStderr();
    ASSERT_EQ(observer.start(ObserveKind::capture).status, Status::ok);
    EXPECT_EQ(observer.stop(ObserveKind::capture), Status::ok);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    testing::internal::CaptureStderr();
    ASSERT_EQ(observer.start(ObserveKind::plaintext).status, Status::ok);
    EXPECT_EQ(observer.stop(ObserveKind::plaintext), Status::ok);
    const std::string lines = testing::internal::GetCapturedStderr();
    app::set_log({});
    EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
    EXPECT_EQ(std::ranges::count(lines, '{'), 2);
    for (const char* part : {"audit: plaintext capture started by uid ", "audit: plaintext capture ended by uid ", "\"n1\""})
        EXPECT_NE(lines.find(part), std::string::npos) << lines;
}

TEST(Capture, OneAtATimeAndItEndsWithItsObserver) {
    Harness h;
    Observer first(h);
    ASSERT_EQ(first.start(ObserveKind::capture).status, Status::ok);
    Observer second(h);
    const auto refused = second.start(ObserveKind::plaintext);
    EXPECT_EQ(refused.status, Status::busy);
    EXPECT_EQ(refused.holder_pid, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(second.stop(ObserveKind::capture), Status::no_such_object) << "it is not the second one's to stop";
    EXPECT_EQ(second.start(ObserveKind::trace).status, Status::ok) << "a trace beside a capture";
    first.leave();
    EXPECT_EQ(second.start(ObserveKind::capture).status, Status::ok);
    Observer third(h);
    EXPECT_EQ(third.start(ObserveKind::capture, {}, 7).status, Status::bad_worker);
    EXPECT_EQ(third.start(ObserveKind::none).status, Status::bad_value);
}

TEST(Capture, IsRefusedToAnybodyButRootAndTheOwner) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can take another uid";
    Harness h;
    ASSERT_EQ(chmod(h.control_socket().c_str(), 0666), 0);
    ASSERT_EQ(chmod(h.control_socket().substr(0, h.control_socket().rfind('/')).c_str(), 0755), 0);
    ASSERT_EQ(seteuid(65534), 0);
    std::optional<Observer> stranger;
    // Only the connect() happens under the other uid.
    struct Back {
        ~Back() { EXPECT_EQ(seteuid(0), 0); }
    };
    {
        const Back back;
        stranger.emplace(h);
    }
    EXPECT_EQ(stranger->start(ObserveKind::capture).status, Status::not_permitted);
    EXPECT_EQ(stranger->start(ObserveKind::trace).status, Status::not_permitted);
}

TEST(Trace, TellsWhatHappensToOneTransport) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111);
    const Peer viewer = h.add_peer(6000), other = h.add_peer(6001);
    const auto leg = h.add_video_leg(viewer, source, 0x9000, 0x9001);
    h.add_video_leg(other, source, 0xa000, 0xa001);
    Observer observer(h);
    ASSERT_EQ(observer.start(ObserveKind::trace, {viewer.transport}).status, Status::ok);
    for (std::uint16_t n = 0; n < 3; ++n) h.send(publisher, vp8_packet(n, 3000u * n, 0x1111, n == 0));
    h.settle();
    EXPECT_THAT(observer.events(), testing::IsSupersetOf({TraceKind::leg_started, TraceKind::keyframe_sent}));

    std::array<std::uint8_t, 128> buffer;
    wire::RtcpWriter out(buffer);
    const std::uint16_t missing[] = {1001, 4000};
    EXPECT_TRUE(out.nack(1, 0x9000, missing));
    EXPECT_TRUE(out.pli(1, 0x9000));
    h.send(viewer, out.finish());
    h.send(other, out.finish());  // of a leg that is not his: no event of the other's
    h.settle();
    const auto kinds = observer.events();
    EXPECT_THAT(kinds, testing::IsSupersetOf({TraceKind::nack_asked, TraceKind::nack_answered, TraceKind::nack_asked,
                                              TraceKind::nack_missed, TraceKind::dropped, TraceKind::pli}));
    EXPECT_EQ(std::ranges::count(kinds, TraceKind::nack_asked), 2);
    for (const abi::TraceRecord& e : observer.trace) {
        if (e.kind == TraceKind::nack_answered) {
            EXPECT_EQ(e.object, leg);
            EXPECT_EQ(e.values[1], 1001u);
            EXPECT_EQ(e.values[2], 1u) << "as RTX";
        }
        if (e.kind == TraceKind::nack_missed) {
            EXPECT_EQ(e.values[1], 4000u);
        }
        if (e.kind == TraceKind::dropped) {
            EXPECT_EQ(e.values[0], static_cast<std::uint32_t>(DropReason::nack_not_in_history));
        }
    }

    h.send(viewer, Frame{0x80, 0xc9, 0xff});  // what does not open is a drop of this transport
    h.send(viewer, Frame{0x16, 0xfe, 0xfd, 0, 0});
    h.settle();
    EXPECT_THAT(observer.events(), testing::IsSupersetOf({TraceKind::dropped, TraceKind::dtls_punted}));

    // The same peer at another address.
    Peer moved = viewer;
    moved.address.port = 6100;
    abi::TransportSpec spec = h.transport_spec(viewer.transport, 6100, 0);
    spec.generation = 2;
    ASSERT_EQ(h.program(spec), Status::ok);
    (void)observer.events();
    wire::RtcpWriter again(buffer);
    EXPECT_TRUE(again.pli(1, 0x9000));
    h.send(viewer, again.finish());
    h.settle();
    const auto switched = observer.events();
    ASSERT_THAT(switched, testing::Contains(TraceKind::path_switched));
    EXPECT_EQ(
        observer.trace[static_cast<std::size_t>(std::ranges::find(switched, TraceKind::path_switched) - switched.begin())]
            .flow.remote_port,
        6000);
    (void)h.received();
}

TEST(Trace, TellsOfAPublisher) {
    Harness h;
    const Peer publisher = h.add_peer(5000);
    const auto source = h.add_video_source(publisher, 0x1111, 0x1112);
    Observer observer(h);
    ASSERT_EQ(observer.start(ObserveKind::trace, {publisher.transport}).status, Status::ok);
    h.send(publisher, vp8_packet(10, 0, 0x1111, true));
    h.send(publisher, vp8_packet(13, 3000, 0x1111, false));
    h.settle();
    const auto kinds = observer.events();
    EXPECT_THAT(kinds, testing::IsSupersetOf({TraceKind::source_started, TraceKind::keyframe, TraceKind::dropped}));
    for (const abi::TraceRecord& e : observer.trace) {
        if (e.kind == TraceKind::keyframe) {
            EXPECT_EQ(e.object, source);
            EXPECT_EQ(e.values[2], 640u);
            EXPECT_EQ(e.values[3], 360u);
        }
    }
    bool asked = false;
    for (int i = 0; i < 1'000'000 && !asked; ++i) {
        h.turn(1);
        for (const TraceKind kind : observer.events()) asked |= kind == TraceKind::nack_sent;
    }
    EXPECT_TRUE(asked) << "11 and 12 are missing";
    (void)h.received();
}

}  // namespace
}  // namespace sluice::test
