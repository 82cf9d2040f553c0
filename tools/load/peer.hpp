// One WebRTC peer on a kernel UDP socket, as far as publishers and viewers are alike: offer, ICE checks as a controlling
// full agent, DTLS, SRTP keys, SRTCP in both directions, consent.
//
// A peer is an oracle (SRTP by libsrtp, which is independent of the SFU's, and long memories for proofs) or lean: thousands
// of those fit on a machine, in about 15 KB each without the kernel's socket.
//
// Theory of operation. idle -> make_offer(), the POST is on its way -> answered(): checks go to the first candidate ->
// checking -> the first success: DTLS -> handshaking -> keys: connected, from which on Publisher and Viewer do what they are
// for in on_tick() and on_rtp(). The swarm calls readable() when the socket is, and tick() every 10 ms, or every 100 ms
// while calm(). A peer never needs HTTP after answered(). As a DTLS client it needs no DTLS after connecting and frees it:
// the last flight is the server's. Everything on the main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "controlplane/dtls/endpoint.hpp"
#include "dataplane/srtp/key.hpp"
#include "dataplane/wire/stun.hpp"
#include "tools/load/consent.hpp"
#include "tools/load/offer.hpp"
#include "tools/load/recent_indices.hpp"
#include "tools/load/udp_socket.hpp"
#include "tools/load/world.hpp"

namespace sluice::loadgen {

enum class Phase : std::uint8_t { idle, joining, checking, handshaking, connected, failed, left };
[[nodiscard]] std::string_view to_string(Phase phase) noexcept;

struct PeerCounters {
    std::uint64_t rtp_received = 0;    // opened, every SSRC, without repetitions
    std::uint64_t bytes_received = 0;  // UDP payloads
    std::uint64_t rtcp_received = 0;
    std::uint64_t duplicates = 0;  // byte-identical
    std::uint64_t auth_failures = 0;
    std::uint64_t malformed = 0;
    std::uint64_t unknown_ssrc = 0;
    std::uint64_t index_reuse = 0;  // another packet under an (SSRC, index) that was used before: proven by opening it
    std::uint64_t rtcp_index_reuse = 0;
    std::uint64_t index_regressions = 0;
    std::uint64_t rtcp_index_regressions = 0;
    std::uint64_t socket_drops = 0;  // datagrams that our own socket's buffer had no room for
    std::uint64_t send_errors = 0;
};

class Peer {
public:
    struct Place {
        std::uint32_t number = 0;
        std::uint32_t room = 0;
        bool oracle = true;
    };
    Peer(World& world, Place place, bool publishes);
    virtual ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    [[nodiscard]] std::string make_offer();
    void answered(std::string resource, std::string_view sdp, std::int64_t now_ns);
    void fail(std::string why);
    void leave();  // closes the socket
    // Moves to a new local port, as a NAT that forgot us would do: nothing is sent for its sake.
    bool rebind(std::int64_t now_ns);

    void readable(std::int64_t now_ns);
    void tick(std::int64_t now_ns);
    // This process stood still for `ns`: nobody is late for what happened in that time.
    void excuse(std::int64_t ns);

    [[nodiscard]] std::uint32_t number() const noexcept { return place_.number; }
    [[nodiscard]] std::uint32_t room() const noexcept { return place_.room; }
    [[nodiscard]] bool oracle() const noexcept { return oracle_rx_ != nullptr; }
    // Nothing is to be done for it every 10 ms.
    [[nodiscard]] virtual bool calm() const noexcept { return phase_ >= Phase::connected; }
    bool lively = false;   // the swarm's: it is ticked every 10 ms
    bool clocked = false;  // the swarm's: its frames are
    [[nodiscard]] bool publishes() const noexcept { return publishes_; }
    [[nodiscard]] Phase phase() const noexcept { return phase_; }
    [[nodiscard]] const std::string& resource() const noexcept { return resource_; }
    [[nodiscard]] const PeerCounters& counters() const noexcept { return counters_; }
    [[nodiscard]] Consent& consent() noexcept { return consent_; }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return socket_.local_port(); }
    [[nodiscard]] srtp::Suite suite() const noexcept { return suite_; }
    // When ICE began; what we ourselves stood still since then is taken out.
    [[nodiscard]] std::int64_t answered_ns() const noexcept { return answered_ns_; }

protected:
    virtual std::vector<OfferedTrack> tracks() = 0;
    virtual void on_answer(const Answer& answer) = 0;
    virtual void on_connected(std::int64_t now_ns) = 0;
    virtual void on_rtp(ByteView sealed, std::int64_t now_ns) = 0;
    // `plain` has opened; each SRTCP packet is given once.
    virtual void on_rtcp(ByteView plain, std::int64_t now_ns) = 0;
    virtual void on_tick(std::int64_t now_ns) = 0;
    virtual void on_rebind() {}
    virtual void on_excuse(std::int64_t) {}

    // Appends a tag to `packet`, which has room for srtp::rtcp_overhead() more bytes, and sends it.
    void send_rtcp(ByteSpan packet, std::size_t size);
    void send_datagram(ByteView datagram);

    [[nodiscard]] srtp::SrtpSealer& sealer() noexcept { return (oracle() ? world_.oracle : world_.fast)->sealer(); }
    // `again`: the oracle keeps a replay window of its own, so what may be a repetition is left to the stateless engine.
    [[nodiscard]] std::expected<std::size_t, srtp::OpenError> open_rtp(ByteView sealed, std::size_t header_size,
                                                                       std::uint64_t index, bool again, std::uint8_t* plain);
    // When the kernel got what is being received (CLOCK_MONOTONIC).
    [[nodiscard]] std::int64_t arrived_ns() const noexcept { return arrived_ns_; }

    World& world_;
    PeerCounters counters_;
    srtp::TxKey tx_;
    std::string cname_;

private:
    [[nodiscard]] bool open_socket();
    void next_candidate(std::int64_t now_ns);
    void answer_check(const wire::StunView& request);
    void receive(ByteView datagram, std::int64_t now_ns);
    void on_stun(ByteView datagram, std::int64_t now_ns);
    void on_srtcp(ByteView sealed, std::int64_t now_ns);
    void send_check(std::int64_t now_ns);
    void pump_dtls(std::int64_t now_ns);

    Place place_;
    bool publishes_;
    srtp::RxKey rx_;
    std::unique_ptr<srtp::RxKey> oracle_rx_;
    Phase phase_ = Phase::idle;
    ice::Credentials local_;
    Answer answer_;
    std::string resource_;
    std::int64_t answered_ns_ = 0;
    std::size_t candidate_ = 0;
    std::int64_t candidate_since_ns_ = 0;
    Endpoint remote_;
    UdpSocket socket_;
    std::int64_t arrived_ns_ = 0;
    std::optional<dtls::Endpoint> dtls_;
    srtp::Suite suite_ = srtp::Suite::none;
    std::uint32_t rtcp_index_ = 0;
    std::uint64_t tie_breaker_ = 0;
    Consent consent_;
    struct RtcpHistory {
        std::uint32_t ssrc;
        RecentIndices seen;
    };
    std::vector<RtcpHistory> rtcp_;
};

}  // namespace sluice::loadgen
