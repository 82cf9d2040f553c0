// What all DTLS endpoints of a process share: the certificate, the SRTP profiles in order of preference,
// and the library's contexts for both roles (group X25519 then P-256, ECDHE with AEAD ciphers only).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <vector>

#include "controlplane/dtls/certificate.hpp"
#include "controlplane/dtls/error.hpp"

namespace sluice::dtls {

// RFC 5764 and RFC 7714 code points. AES-256-GCM is not among them: the data plane's keys are 128 bits.
enum class SrtpProfile : std::uint16_t {
    aes128_cm_sha1_80 = 0x0001,
    aead_aes_128_gcm = 0x0007,
};

struct ContextOptions {
    // In the server role the first profile that the client offers too is chosen.
    std::vector<SrtpProfile> profiles{SrtpProfile::aead_aes_128_gcm, SrtpProfile::aes128_cm_sha1_80};
};

// Threads: create() anywhere; endpoints may be made from it, and live, on several threads at once.
class Context {
public:
    [[nodiscard]] static std::expected<Context, Error> create(Certificate certificate, ContextOptions options = {});
    ~Context();
    Context(Context&&) noexcept;
    Context& operator=(Context&&) noexcept;

    [[nodiscard]] const Certificate& certificate() const noexcept { return certificate_; }

private:
    friend class Endpoint;
    struct Impl;
    Context(Certificate certificate, std::shared_ptr<Impl> impl);

    Certificate certificate_;
    // Shared with the endpoints, which may outlive this object.
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::dtls
