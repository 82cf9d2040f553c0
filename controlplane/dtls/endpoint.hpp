// One DTLS-SRTP handshake and the secure channel after it, without I/O: datagrams go in and come out, and
// the owner keeps the timer.
//
// Theory of operation: the owner gives each datagram of the RFC 7983 range 20..63 to receive(), then takes
// what take_output() has, and arms a timer for next_timeout(); at its end it calls handle_timeout() and
// takes outputs again. E.g. a server: receive(ClientHello) -> output: one flight -> receive(the client's
// flight) -> output: the last flight, state() is connected, keys() is set. The last flight is kept, and
// sent again when the peer repeats its own: go on feeding datagrams after connected, or release() the endpoint and keep
// that flight.
//
// A handshake fails on a fingerprint that does not match, on no common SRTP profile, on an alert or a
// protocol violation of the peer, and after 12 retransmissions without an answer (about 14 s). Datagrams that are not
// well-formed DTLS are ignored and counted; they cannot fail it.
//
// The clock: OpenSSL 3.0 reads gettimeofday() for its timer and offers no other way. So next_timeout() is
// relative and handle_timeout() takes no time; tests replace gettimeofday in their own executable.
//
// Memory of an endpoint is bounded: outputs to 32 datagrams (more are dropped and counted), and messages
// being reassembled by the library's window of 10 messages of at most 16 KB each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/dtls/context.hpp"
#include "controlplane/dtls/fingerprint.hpp"
#include "controlplane/dtls/remnant.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::dtls {

enum class Role : std::uint8_t { server, client };
enum class State : std::uint8_t { connecting, connected, failed, closed };

// RFC 5764 section 4.2, already mapped: "local" seals what this side sends. Wiped on destruction.
struct SrtpKeys {
    SrtpProfile profile{};
    std::array<std::uint8_t, 16> local_key{};
    std::array<std::uint8_t, 14> local_salt{};  // AES-GCM uses the first 12 bytes, the rest is zero
    std::array<std::uint8_t, 16> remote_key{};
    std::array<std::uint8_t, 14> remote_salt{};

    SrtpKeys() = default;
    SrtpKeys(const SrtpKeys&) = default;
    SrtpKeys& operator=(const SrtpKeys&) = default;
    ~SrtpKeys();
};

struct EndpointCounters {
    std::uint64_t datagrams_received = 0;
    std::uint64_t datagrams_ignored = 0;  // not well-formed DTLS, or after the end
    std::uint64_t datagrams_sent = 0;
    std::uint64_t outputs_dropped = 0;  // the queue was full
    std::uint64_t timeouts = 0;         // flights repeated by the timer
};

class Engine;

// Owning thread only. The context's library state is shared, so an endpoint may outlive its Context.
class Endpoint {
public:
    // `expected`: the fingerprints of the peer's SDP. `mtu`: the largest datagram sent, 256 to 1500 bytes.
    Endpoint(Context& context, Role role, Fingerprints expected, std::size_t mtu = 1200);
    ~Endpoint();
    Endpoint(Endpoint&&) noexcept;
    Endpoint& operator=(Endpoint&&) noexcept;

    void start();  // client role: the first flight; server role: nothing
    void receive(ByteView datagram);
    // Moves the oldest outgoing datagram out; false when there is none.
    bool take_output(std::vector<std::uint8_t>& datagram);

    // Nanoseconds from now, 0 when due; nothing when no timer runs.
    [[nodiscard]] std::optional<std::int64_t> next_timeout() const;
    void handle_timeout();

    [[nodiscard]] State state() const noexcept;
    [[nodiscard]] Role role() const noexcept;
    // Set from connected on.
    [[nodiscard]] std::optional<SrtpKeys> keys() const;
    // Why the state is failed; empty otherwise.
    [[nodiscard]] const std::string& error() const noexcept;
    [[nodiscard]] const EndpointCounters& counters() const noexcept;

    // Application data (SCTP). False when not connected or `data` is longer than max_payload().
    bool send(ByteView data);
    [[nodiscard]] std::size_t max_payload() const;
    // Called from within receive(); must not destroy the endpoint.
    void on_data(std::function<void(ByteView)> callback);

    void close();  // sends close_notify when connected; the state is closed
    // Frees the library's state of a connected endpoint, for good: the state is closed, and what can still be done is done
    // by what is returned. Take the outputs first: the last flight is among them. Nothing when not connected.
    [[nodiscard]] std::optional<Remnant> release();

private:
    std::unique_ptr<Engine> engine_;
};

}  // namespace sluice::dtls
