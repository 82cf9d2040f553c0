// What is left of a connection whose library state was freed: a session without data channels needs no more of it.
//
// Theory of operation. The library's state of a connection takes tens of kilobytes, and all that can still come after the
// handshake is a repetition of the peer's last flight, because ours was lost (RFC 6347 section 4.2.4), and an alert. So what
// is kept is the secret that the record keys come from, with which an alert is opened when one comes, and our own
// close_notify, sealed in advance: it is the one record that is ever sent after the last flight, so no nonce is used twice.
//
// Example: auto remnant = endpoint.release(); ... if (remnant.read(datagram) == Remnant::Says::closed) end_session();
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/bytes.hpp"

namespace sluice::dtls {

// Movable between threads; one at a time.
class Remnant {
public:
    enum class Suite : std::uint8_t { none, aes_128_gcm_sha256, aes_256_gcm_sha384, chacha20_poly1305_sha256 };

    // Wiped on destruction.
    struct Secret {
        Suite suite = Suite::none;
        bool server = true;  // our role
        std::array<std::uint8_t, 48> master{};
        std::array<std::uint8_t, 32> client_random{};
        std::array<std::uint8_t, 32> server_random{};

        Secret() = default;
        Secret(const Secret&) = default;
        Secret& operator=(const Secret&) = default;
        ~Secret();
    };

    Remnant() = default;  // nothing is left: everything that comes says nothing
    Remnant(const Secret& secret, std::vector<std::uint8_t> farewell);

    enum class Says : std::uint8_t {
        nothing,
        repeats_its_flight,  // not authenticated: whoever answers it does so a few times at most
        closed,              // close_notify, or a fatal alert; authenticated
    };
    [[nodiscard]] Says read(ByteView datagram) const;
    // The datagram with our close_notify; empty when there is none.
    [[nodiscard]] const std::vector<std::uint8_t>& farewell() const noexcept { return farewell_; }

private:
    [[nodiscard]] bool ends(ByteView record) const;

    std::unique_ptr<const Secret> secret_;
    std::vector<std::uint8_t> farewell_;
};

}  // namespace sluice::dtls
