// Which part of a datagram is well-formed DTLS 1.2 (RFC 6347): the gate before the library, which answers
// some malformed plaintext with a fatal alert. Anyone who can guess a 5-tuple could end a handshake so.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.hpp"

namespace sluice::dtls {

inline constexpr std::size_t record_header = 13;
// RFC 6347 section 4.1, RFC 5246 section 6.2.1.
enum ContentType : std::uint8_t {
    content_change_cipher_spec = 20,
    content_alert = 21,
    content_handshake = 22,
    content_application_data = 23,
};

// The largest handshake message accepted; a peer's certificate is the only one near a kilobyte or two.
inline constexpr std::size_t max_handshake_message = 16'384;

// Bytes of the whole, well-formed records at the start; 0 when there is none.
[[nodiscard]] std::size_t well_formed_prefix(ByteView datagram) noexcept;

}  // namespace sluice::dtls
