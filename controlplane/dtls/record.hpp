// Which part of a datagram is well-formed DTLS 1.2 (RFC 6347): the gate before the library, which answers
// some malformed plaintext with a fatal alert. Anyone who can guess a 5-tuple could end a handshake so.
#pragma once

#include <cstddef>

#include "dataplane/base/bytes.hpp"

namespace sluice::dtls {

// The largest handshake message accepted; a peer's certificate is the only one near a kilobyte or two.
inline constexpr std::size_t max_handshake_message = 16'384;

// Bytes of the whole, well-formed records at the start; 0 when there is none.
[[nodiscard]] std::size_t well_formed_prefix(ByteView datagram) noexcept;

}  // namespace sluice::dtls
