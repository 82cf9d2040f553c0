#include "controlplane/dtls/context.hpp"

#include <string>
#include <utility>

#include "controlplane/dtls/context_impl.hpp"
#include "controlplane/dtls/datagram_bio.hpp"
#include "controlplane/dtls/engine.hpp"
#include "controlplane/dtls/lean_library.hpp"
#include "controlplane/dtls/record.hpp"

namespace sluice::dtls {
namespace {

std::expected<std::string, Error> profile_list(const std::vector<SrtpProfile>& profiles) {
    std::string list;
    for (SrtpProfile profile : profiles) {
        if (!list.empty()) list += ':';
        switch (profile) {
            case SrtpProfile::aead_aes_128_gcm: list += "SRTP_AEAD_AES_128_GCM"; break;
            case SrtpProfile::aes128_cm_sha1_80: list += "SRTP_AES128_CM_SHA1_80"; break;
            default: return std::unexpected(Error{"unknown SRTP profile"});
        }
    }
    if (list.empty()) return std::unexpected(Error{"DTLS-SRTP needs at least one SRTP profile"});
    return list;
}

bool configure(SSL_CTX* ctx, const Certificate& certificate, const std::string& profiles) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ctx, 1);
    // Also the bound of every other handshake message that is reassembled.
    SSL_CTX_set_max_cert_list(ctx, static_cast<long>(max_handshake_message));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, verify_peer_certificate, nullptr);
    return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_use_certificate(ctx, certificate.x509()) == 1 && SSL_CTX_use_PrivateKey(ctx, certificate.key()) == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1 &&
           // The one call of the family where 0 is success.
           SSL_CTX_set_tlsext_use_srtp(ctx, profiles.c_str()) == 0;
}

}  // namespace

Context::Context(Certificate certificate, std::shared_ptr<Impl> impl)
    : certificate_(std::move(certificate)), impl_(std::move(impl)) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

std::expected<Context, Error> Context::create(Certificate certificate, ContextOptions options) {
    auto profiles = profile_list(options.profiles);
    if (!profiles) return std::unexpected(profiles.error());
    auto impl = std::make_shared<Impl>();
    impl->bio_method = make_datagram_bio_method();
    impl->ssl_ctx.reset(SSL_CTX_new_ex(lean_library(), nullptr, DTLS_method()));
    if (!impl->bio_method || !impl->ssl_ctx || !configure(impl->ssl_ctx.get(), certificate, *profiles))
        return std::unexpected(Error{"cannot set up DTLS: " + take_openssl_error()});
    ERR_clear_error();
    return Context(std::move(certificate), std::move(impl));
}

}  // namespace sluice::dtls
