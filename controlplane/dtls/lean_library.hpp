// A context of the crypto library for handshakes, in which reading a peer's certificate is cheap. Internal to this folder.
//
// Theory of operation. OpenSSL 3.0 reads the public key of every certificate by asking each decoder of the provider, some
// eighty of them in ten rounds, whether it fits: three times the cost of verifying a signature. So this context
// has the default provider's algorithms without those that no handshake of ours can need: other decoders than those of a
// certificate's key, encoders, stores, and key types that no browser has. Algorithms are the default provider's own, in a
// context of its own.
#pragma once

#include <openssl/types.h>

namespace sluice::dtls {

// Made at the first call, for as long as the process lives; null, which means the default context, when it cannot be had.
// Any thread.
[[nodiscard]] OSSL_LIB_CTX* lean_library() noexcept;

}  // namespace sluice::dtls
