// The identity that this process shows in DTLS: a P-256 key with a self-signed certificate. Peers never
// check names or dates, only the fingerprint that the SDP carried, so the blob of serialize() is what a
// restarted process needs to stay the same peer. The blob holds the private key: keep it in memory only.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/dtls/error.hpp"
#include "dataplane/base/bytes.hpp"

struct x509_st;
struct evp_pkey_st;

namespace sluice::dtls {

// Immutable and cheap to copy; any thread.
class Certificate {
public:
    // Valid from a day before `now_unix` (seconds; clocks differ) until `days` after it.
    [[nodiscard]] static std::expected<Certificate, Error> generate(std::int64_t now_unix, std::uint32_t days = 365);

    // "AB:CD:...", 32 bytes, as in `a=fingerprint:sha-256`.
    [[nodiscard]] std::string fingerprint_sha256() const;
    // Seconds since the epoch: the end of validity, and when generate() made it.
    [[nodiscard]] std::int64_t not_after_unix() const;
    [[nodiscard]] std::int64_t made_unix() const;
    // Whether new sessions should be given another: nine tenths of `days`, or of its own lifetime, are over.
    [[nodiscard]] bool due(std::int64_t now_unix, std::uint32_t days) const;

    // Version, then length-prefixed DER certificate and PKCS#8 key.
    [[nodiscard]] std::vector<std::uint8_t> serialize() const;
    // Refuses an unknown version, trailing bytes, and a key that is not the certificate's.
    [[nodiscard]] static std::expected<Certificate, Error> deserialize(ByteView blob);

    [[nodiscard]] x509_st* x509() const noexcept { return x509_.get(); }
    [[nodiscard]] evp_pkey_st* key() const noexcept { return key_.get(); }

private:
    Certificate(std::shared_ptr<x509_st> x509, std::shared_ptr<evp_pkey_st> key);

    std::shared_ptr<x509_st> x509_;
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace sluice::dtls
