#include "tools/load/fake_sfu.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "controlplane/core/clock.hpp"
#include "controlplane/core/random.hpp"
#include "controlplane/dtls/endpoint.hpp"
#include "controlplane/ice/hmac.hpp"
#include "controlplane/ice/lite_agent.hpp"
#include "dataplane/srtp/key.hpp"
#include "dataplane/srtp/replay.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/rtp.hpp"
#include "dataplane/wire/rtp_writer.hpp"
#include "dataplane/wire/stun.hpp"
#include "dataplane/wire/stun_writer.hpp"
#include "dataplane/wire/twcc.hpp"
#include "signaling/sdp/parse.hpp"
#include "signaling/sdp/session.hpp"
#include "tools/load/offer.hpp"
#include "tools/load/socket_address.hpp"

namespace sluice::loadgen::test {
namespace {

constexpr int receive_buffer_bytes = 4 << 20;

struct Kept {
    std::uint64_t index = 0;
    std::uint32_t timestamp = 0;
    bool marker = false;
    std::vector<std::uint8_t> payload;
};

struct Track {
    std::uint32_t ssrc = 0, rtx_ssrc = 0;
    std::uint8_t payload_type = 0, rtx_payload_type = 0;
    std::uint64_t index = 1000, rtx_index = 2000;
    srtp::ReplayWindow<> window;  // of a publisher
    std::deque<Kept> history;     // of a viewer
};

}  // namespace

struct FakeSfu::Session {
    std::string resource;
    bool publishes = false;
    std::unique_ptr<ice::LiteAgent> ice;
    std::optional<dtls::Endpoint> dtls;
    srtp::Suite suite = srtp::Suite::none;
    srtp::TxKey tx;
    srtp::RxKey rx;
    Endpoint path;
    bool connected = false;
    std::uint32_t rtcp_index = 100;
    std::uint16_t transport_sequence = 65500;
    std::vector<Track> tracks;
    std::uint64_t given = 0;                        // RTP packets
    std::vector<std::int64_t>* given_ns = nullptr;  // of a viewer, see given_ns_
    ~Session() {
        tx.wipe();
        rx.wipe();
    }
};

FakeSfu::FakeSfu()
    : dtls_(dtls::Context::create(dtls::Certificate::generate(std::time(nullptr)).value()).value()),
      engine_(srtp::make_engine(srtp::Backend::ipsec_mb)),
      socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    // This thread may be stopped while the others run.
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    const SocketAddress any(Endpoint{IpAddress::parse("127.0.0.1").value(), 0});
    ::bind(socket_.get(), any.get(), any.size);
    sockaddr_in name{};
    socklen_t size = sizeof name;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    server_ = std::make_unique<http::testing::LoopbackServer>([this](http::Router& router) { route(router); });
    thread_ = std::thread([this] { media_loop(); });
}

FakeSfu::~FakeSfu() {
    stopping_ = true;
    thread_.join();
    server_.reset();
}

void FakeSfu::route(http::Router& router) {
    for (const bool publishes : {true, false}) {
        const std::string prefix = publishes ? "/whip" : "/whep";
        router.handle("POST", prefix + "/{room}",
                      [this, publishes](http::Request r, http::Reply reply) { reply(create(r, publishes)); });
        router.handle("DELETE", prefix + "/{room}/{id}", [this](http::Request r, http::Reply reply) { reply(remove(r)); });
    }
}

http::Response FakeSfu::create(const http::Request& request, bool publishes) {
    auto offer = sdp::parse(request.body);
    if (!offer) return http::Response::problem(400, "SDP", offer.error().message);
    const ice::Credentials local = ice::generate([](std::span<std::uint8_t> out) { core::random_bytes(out); });
    sdp::LocalParams params{
        local.ufrag, local.pwd, dtls_.certificate().fingerprint_sha256(), {sdp::host_candidate("1", "127.0.0.1", port_)},
        7,           1};
    sdp::Session sdp_session(std::move(params));
    if (auto applied = sdp_session.apply_offer(std::move(*offer)); !applied)
        return http::Response::problem(422, "offer", applied.error().message);
    std::map<std::string, sdp::SendStream> streams;
    for (const sdp::MediaSection& section : sdp_session.pending_offer()->media)
        streams[section.mid] = {core::random_u32() | 1, core::random_u32() & ~1u, "fake", {"fake", section.mid}};
    auto answer = sdp_session.create_answer(publishes ? sdp::AnswerPolicy::publisher() : sdp::AnswerPolicy::viewer(streams));
    if (!answer) return http::Response::problem(422, "answer", answer.error().message);

    auto session = std::make_unique<Session>();
    session->publishes = publishes;
    session->ice = std::make_unique<ice::LiteAgent>(local);
    session->ice->set_remote(sdp_session.transport().ice_ufrag, sdp_session.transport().ice_pwd);
    dtls::Fingerprints prints;
    for (const sdp::Fingerprint& f : sdp_session.transport().fingerprints)
        if (auto parsed = dtls::parse_fingerprint(f.algorithm + ' ' + f.value)) prints.push_back(*parsed);
    session->dtls.emplace(dtls_, dtls::Role::server, prints);
    for (const sdp::NegotiatedMedia& media : sdp_session.media()) {
        Track track;
        if (!media.codecs.empty()) {
            track.payload_type = media.codecs.front().pt;
            track.rtx_payload_type = media.codecs.front().rtx_pt.value_or(0);
        }
        if (publishes && !media.remote_ssrcs.empty()) {
            track.ssrc = media.remote_ssrcs.front().ssrc;
            track.rtx_ssrc = media.remote_ssrcs.front().rtx_ssrc.value_or(0);
        } else if (!publishes && media.send_stream) {
            track.ssrc = media.send_stream->ssrc;
            track.rtx_ssrc = track.rtx_payload_type == 0 ? 0 : media.send_stream->rtx_ssrc.value_or(0);
        }
        session->tracks.push_back(std::move(track));
    }
    const std::lock_guard lock(mutex_);
    if (!publishes) session->given_ns = &given_ns_.emplace_back();
    session->resource = request.path + "/" + std::to_string(next_id_++);
    http::Response response = http::Response::empty(201);
    response.headers.set("Content-Type", "application/sdp");
    response.headers.set("Location", session->resource);
    response.body = sdp::write(*answer);
    sessions_.push_back(std::move(session));
    return response;
}

http::Response FakeSfu::remove(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    const bool gone = std::erase_if(sessions_, [&](const auto& s) { return s->resource == request.path; }) != 0;
    return http::Response::empty(gone ? 200 : 404);
}

std::size_t FakeSfu::sessions() {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

FakeSfu::Account FakeSfu::account() {
    const std::lock_guard lock(mutex_);
    Account account{taken_, given_, given_};
    for (const auto& s : sessions_)
        if (!s->publishes) account.least_given = std::min(account.least_given, s->given);
    return account;
}

std::int64_t FakeSfu::longest_pause_ns(std::int64_t since_ns, std::int64_t until_ns) {
    const std::lock_guard lock(mutex_);
    std::int64_t longest = 0;
    for (const auto& given : given_ns_)
        for (std::size_t i = 0; i < given.size(); ++i) {
            const std::int64_t end_ns = i + 1 < given.size() ? std::min(given[i + 1], until_ns) : until_ns;
            if (end_ns > since_ns) longest = std::max(longest, end_ns - given[i]);
        }
    return longest;
}

void FakeSfu::renumber(std::int64_t gap) {
    const std::lock_guard lock(mutex_);
    for (auto& s : sessions_)
        for (Track& t : s->tracks)
            if (!s->publishes) t.index = static_cast<std::uint64_t>(static_cast<std::int64_t>(t.index) + gap);
}

void FakeSfu::media_loop() {
    while (!stopping_) {
        pollfd p{socket_.get(), POLLIN, 0};
        ::poll(&p, 1, 10);
        const std::lock_guard lock(mutex_);
        for (int i = 0; i < 64; ++i) {
            std::uint8_t buffer[2048];
            sockaddr_in name{};
            socklen_t size = sizeof name;
            const ssize_t n =
                ::recvfrom(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&name), &size);
            if (n <= 0) break;
            const Endpoint from{IpAddress::from_v4(be32::from_raw(name.sin_addr.s_addr)), ntohs(name.sin_port)};
            const ByteView datagram{buffer, static_cast<std::size_t>(n)};
            if (wire::first_byte_class(buffer[0]) == wire::PacketClass::stun) {
                if (const auto message = wire::StunView::parse(datagram);
                    message && message->type() == wire::StunType::binding_success) {
                    for (auto& s : sessions_) {
                        const auto& remote = s->ice->remote();
                        checks_answered_ +=
                            s->path == from && remote && message->message_integrity_valid(ice::StunHmac(remote->pwd));
                    }
                    continue;
                }
                if (!faults.answer_checks) continue;
                for (auto& s : sessions_) {
                    const auto result = s->ice->handle_check(datagram, from, core::monotonic_ns());
                    if (result.verdict != ice::CheckVerdict::valid) continue;
                    if (s->path.port == 0) s->path = from;
                    const SocketAddress to(from);
                    ::sendto(socket_.get(), result.response.data(), result.response.size(), 0, to.get(), to.size);
                }
                continue;
            }
            for (auto& s : sessions_)
                if (std::ranges::any_of(s->ice->pairs(), [&](const auto& pair) { return pair.pair.remote == from; })) {
                    receive(*s, datagram, from);
                    break;
                }
        }
        timers();
    }
}

void FakeSfu::receive(Session& s, ByteView datagram, const Endpoint& from) {
    if (wire::first_byte_class(datagram[0]) == wire::PacketClass::dtls) {
        s.dtls->receive(datagram);
        std::vector<std::uint8_t> out;
        while (s.dtls->take_output(out)) send(s, out);
        const auto keys = s.dtls->keys();
        if (s.connected || !keys) return;
        s.connected = true;
        s.suite = keys->profile == dtls::SrtpProfile::aead_aes_128_gcm ? srtp::Suite::aead_aes_128_gcm
                                                                       : srtp::Suite::aes_cm_128_hmac_sha1_80;
        s.tx.init(s.suite, {keys->local_key, keys->local_salt}, *engine_);
        s.rx.init(s.suite, {keys->remote_key, keys->remote_salt}, *engine_);
        return;
    }
    if (!s.connected) return;
    if (wire::is_rtcp(datagram[1])) {
        std::uint8_t plain[2048];
        const auto opened = engine_->opener().open_rtcp(s.rx, datagram, plain);
        if (!opened) return;
        if (s.path != from && faults.follow_moves) {
            s.path = from;
            ++path_switches_;
        }
        if (!s.publishes) from_viewer(s, {plain, opened->len});
    } else if (s.publishes) {
        from_publisher(s, datagram);
    }
}

void FakeSfu::from_publisher(Session& s, ByteView sealed) {
    const auto header = wire::RtpView::parse(sealed, wire::RtpView::Padding::keep);
    if (!header) return;
    for (std::size_t i = 0; i < s.tracks.size(); ++i) {
        Track& track = s.tracks[i];
        if (track.ssrc != header->ssrc()) continue;
        const std::uint64_t index =
            track.window.empty() ? header->sequence() : srtp::guess_index(track.window.highest(), header->sequence());
        std::uint8_t plain[2048];
        const auto opened = engine_->opener().open_rtp(s.rx, sealed, header->header_size(), index, plain);
        if (!opened || !track.window.check(index)) return;
        track.window.commit(index);
        const std::uint64_t number = ++taken_;
        const std::uint32_t skip = faults.skip_one_in;
        if (!faults.forward || (skip != 0 && number % skip == 0)) return;
        if (faults.garble_next.exchange(false)) plain[header->header_size() + 40] ^= 1;
        for (auto& viewer : sessions_)
            if (!viewer->publishes && viewer->connected) forward(*viewer, static_cast<std::uint8_t>(i), {plain, *opened});
    }
}

void FakeSfu::forward(Session& viewer, std::uint8_t index, ByteView plain) {
    const auto packet = wire::RtpView::parse(plain);
    if (!packet || index >= viewer.tracks.size()) return;
    Track& track = viewer.tracks[index];
    const ByteView payload = packet->payload();
    track.history.push_back({track.index, packet->timestamp(), packet->marker(), {payload.begin(), payload.end()}});
    if (track.history.size() > 512) track.history.pop_front();
    const std::uint64_t number = track.index++;
    const std::uint32_t drop = faults.drop_one_in;
    if (drop != 0 && number % drop == 0) return;
    send_rtp(viewer, index, false, number, payload, packet->timestamp(), packet->marker());
}

void FakeSfu::send_rtp(Session& s, std::size_t at, bool rtx, std::uint64_t index, ByteView payload, std::uint32_t ts,
                       bool marker) {
    const Track& track = s.tracks[at];
    std::uint8_t packet[1500];
    const std::uint32_t ssrc = rtx ? track.rtx_ssrc : track.ssrc;
    std::array<std::uint8_t, 2> number{};
    store(number.data(), be16(s.transport_sequence));
    const wire::RtpExtensionElement element{transport_cc_extension, number};
    s.transport_sequence += faults.number_transport;
    const auto header = wire::write_rtp_header(
        {packet, 64},
        {rtx ? track.rtx_payload_type : track.payload_type, marker, static_cast<std::uint16_t>(index), ts, ssrc},
        {&element, faults.number_transport ? 1U : 0U});
    srtp::SealJob job{.key = &s.tx,
                      .dst = packet,
                      .header_len = static_cast<std::uint16_t>(*header),
                      .payload_len = static_cast<std::uint16_t>(payload.size()),
                      .payload = payload.data(),
                      .index = index,
                      .ssrc = ssrc};
    engine_->sealer().seal_rtp({&job, 1});
    if (faults.corrupt_next.exchange(false)) packet[job.out_len - 1] ^= 1;
    if (at == 0 && !rtx) s.given_ns->push_back(core::monotonic_ns());
    ++s.given;
    ++given_;
    send(s, {packet, job.out_len});
}

void FakeSfu::from_viewer(Session& viewer, ByteView rtcp) {
    auto reader = wire::RtcpReader::parse(rtcp);
    while (reader) {
        const auto packet = reader->next();
        if (!packet) return;
        if (packet->is(wire::RtcpType::transport_feedback, wire::rtpfb_nack) && faults.answer_nacks) {
            for (std::size_t i = 0; i < viewer.tracks.size(); ++i) {
                Track& track = viewer.tracks[i];
                if (track.ssrc != wire::feedback_media_ssrc(*packet)) continue;
                (void)wire::for_each_nack(*packet, [&](std::uint16_t sequence) {
                    for (const Kept& kept : track.history) {
                        if (static_cast<std::uint16_t>(kept.index) != sequence) continue;
                        std::vector<std::uint8_t> payload(2);
                        store(payload.data(), be16(sequence));
                        payload.insert(payload.end(), kept.payload.begin(), kept.payload.end());
                        send_rtp(viewer, i, true, track.rtx_index++, payload, kept.timestamp, kept.marker);
                    }
                });
            }
        }
        if (packet->is(wire::RtcpType::transport_feedback, wire::rtpfb_transport_cc))
            if (const auto feedback = wire::TwccFeedbackView::parse(*packet))
                feedback->for_each([&](std::uint16_t, bool received, std::int32_t) { arrivals_told_ += received; });
        if (!packet->is(wire::RtcpType::payload_feedback, wire::psfb_pli)) continue;
        for (auto& s : sessions_) {
            if (!s->publishes || !s->connected) continue;
            std::uint8_t buffer[128];
            wire::RtcpWriter writer({buffer, 64});
            if (!writer.pli(1, s->tracks.front().ssrc)) continue;
            send(*s, {buffer, engine_->sealer().seal_rtcp(s->tx, buffer, writer.size(), ++s->rtcp_index)});
        }
    }
}

void FakeSfu::check(Session& s) {
    const auto& remote = s.ice->remote();
    if (!remote || s.path.port == 0) return;
    std::array<std::uint8_t, 256> buffer{};
    wire::StunWriter writer(buffer, wire::StunType::binding_request, core::random_array<12>());
    writer.add_username(remote->ufrag + ':' + s.ice->local().ufrag);
    writer.add_ice_controlled(1);
    writer.add_priority(1);
    writer.add_message_integrity(ice::StunHmac(remote->pwd));
    writer.add_fingerprint();
    send(s, writer.finish());
}

void FakeSfu::timers() {
    const std::int64_t now_ns = core::monotonic_ns();
    if (now_ns < next_report_ns_) return;
    next_report_ns_ = now_ns + 200'000'000;
    for (auto& s : sessions_) {
        if (faults.full_agent) check(*s);
        if (!s->connected || s->tracks.empty() || !faults.forward) continue;
        std::uint8_t buffer[128];
        wire::RtcpWriter writer({buffer, 64});
        const bool written = s->publishes ? writer.receiver_report(1) : writer.sender_report(s->tracks.front().ssrc, {});
        if (written) send(*s, {buffer, engine_->sealer().seal_rtcp(s->tx, buffer, writer.size(), ++s->rtcp_index)});
    }
}

void FakeSfu::send(Session& s, ByteView datagram) {
    const SocketAddress to(s.path);
    ::sendto(socket_.get(), datagram.data(), datagram.size(), 0, to.get(), to.size);
}

}  // namespace sluice::loadgen::test
