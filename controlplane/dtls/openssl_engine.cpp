// DTLS 1.2 by OpenSSL 3.0.
#include <openssl/srtp.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <string_view>
#include <utility>

#include "controlplane/dtls/datagram_bio.hpp"
#include "controlplane/dtls/engine.hpp"
#include "controlplane/dtls/record.hpp"

namespace sluice::dtls {
namespace {

constexpr std::size_t max_outputs = 32;
// RFC 6347 says a second; WebRTC's round trips are shorter, and ICE has already proved the path.
constexpr unsigned first_timeout_us = 80'000;
constexpr unsigned last_timeout_us = 1'600'000;

unsigned next_timeout_us(SSL*, unsigned previous_us) {
    return previous_us == 0 ? first_timeout_us : std::min(previous_us * 2, last_timeout_us);
}

class OpensslEngine final : public Engine {
public:
    OpensslEngine(std::shared_ptr<void> keep_alive, BIO_METHOD* bio_method, SSL_CTX* ssl_ctx, Role role,
                  Fingerprints expected, std::size_t mtu)
        : keep_alive_(std::move(keep_alive)), role_(role), expected_(std::move(expected)) {
        port_.mtu = std::clamp<std::size_t>(mtu, 256, 1500);
        port_.send = [this](ByteView datagram) { push_output(datagram); };
        if (check_fingerprint(nullptr, expected_) == FingerprintCheck::no_known_hash) {
            fail("the peer's description has no fingerprint with a known hash (sha-256, sha-384, sha-512, sha-1)");
            return;
        }
        ERR_clear_error();
        ssl_.reset(SSL_new(ssl_ctx));
        BIO* bio = ssl_ ? make_datagram_bio(bio_method, port_) : nullptr;
        if (bio == nullptr) {
            fail("cannot make a DTLS connection: " + take_openssl_error());
            return;
        }
        SSL_set_bio(ssl_.get(), bio, bio);
        SSL_set_mtu(ssl_.get(), static_cast<long>(port_.mtu));
        SSL_set_app_data(ssl_.get(), this);
        DTLS_set_timer_cb(ssl_.get(), next_timeout_us);
        if (role == Role::server)
            SSL_set_accept_state(ssl_.get());
        else
            SSL_set_connect_state(ssl_.get());
    }

    void start() override {
        if (state_ == State::connecting && role_ == Role::client) advance();
    }

    void receive(ByteView datagram) override {
        ++counters_.datagrams_received;
        std::size_t const good = well_formed_prefix(datagram);
        if (good == 0 || state_ == State::failed || state_ == State::closed) {
            ++counters_.datagrams_ignored;
            return;
        }
        port_.incoming = datagram.first(good);
        if (state_ == State::connecting) advance();
        // Also right after the handshake: its last datagram may have carried data behind it.
        if (state_ == State::connected) read_data();
        port_.incoming = {};
    }

    bool take_output(std::vector<std::uint8_t>& datagram) override {
        if (outputs_.empty()) return false;
        datagram = std::move(outputs_.front());
        outputs_.pop_front();
        return true;
    }

    std::optional<std::int64_t> next_timeout() const override {
        timeval left{};
        if (state_ == State::failed || state_ == State::closed || DTLSv1_get_timeout(ssl_.get(), &left) != 1)
            return std::nullopt;
        std::int64_t const ns = left.tv_sec * std::int64_t{1'000'000'000} + left.tv_usec * std::int64_t{1'000};
        // The library's clock is the wall clock: when it is set back, do not sleep for as long.
        return std::clamp<std::int64_t>(ns, 0, std::int64_t{last_timeout_us} * 1'000);
    }

    void handle_timeout() override {
        if (state_ == State::failed || state_ == State::closed) return;
        ERR_clear_error();
        int const result = DTLSv1_handle_timeout(ssl_.get());
        if (result > 0) ++counters_.timeouts;
        if (result < 0) fail("the peer does not answer the DTLS handshake: " + take_openssl_error());
        ERR_clear_error();
    }

    State state() const noexcept override { return state_; }
    Role role() const noexcept override { return role_; }
    std::optional<SrtpKeys> keys() const override { return keys_; }
    const std::string& error() const noexcept override { return error_; }
    const EndpointCounters& counters() const noexcept override { return counters_; }

    bool send(ByteView data) override {
        if (state_ != State::connected || data.empty() || data.size() > max_payload()) return false;
        ERR_clear_error();
        int const written = SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size()));
        ERR_clear_error();
        return written == static_cast<int>(data.size());
    }

    std::size_t max_payload() const override { return state_ == State::connected ? DTLS_get_data_mtu(ssl_.get()) : 0; }

    void on_data(std::function<void(ByteView)> callback) override { on_data_ = std::move(callback); }

    void close() override {
        if (state_ == State::failed || state_ == State::closed) return;
        ERR_clear_error();
        if (state_ == State::connected) SSL_shutdown(ssl_.get());
        ERR_clear_error();
        state_ = State::closed;
    }

    std::optional<Remnant> release() override {
        if (state_ != State::connected) return std::nullopt;
        Remnant::Secret secret;
        secret.server = role_ == Role::server;
        switch (SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl_.get()))) {
            case NID_aes_128_gcm: secret.suite = Remnant::Suite::aes_128_gcm_sha256; break;
            case NID_aes_256_gcm: secret.suite = Remnant::Suite::aes_256_gcm_sha384; break;
            case NID_chacha20_poly1305: secret.suite = Remnant::Suite::chacha20_poly1305_sha256; break;
            default: break;
        }
        SSL_SESSION_get_master_key(SSL_get_session(ssl_.get()), secret.master.data(), secret.master.size());
        SSL_get_client_random(ssl_.get(), secret.client_random.data(), secret.client_random.size());
        SSL_get_server_random(ssl_.get(), secret.server_random.data(), secret.server_random.size());
        outputs_.clear();
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
        std::vector<std::uint8_t> farewell;
        (void)take_output(farewell);
        ssl_.reset();
        state_ = State::closed;
        return Remnant(secret, std::move(farewell));
    }

    bool accept_certificate(X509* certificate) {
        if (check_fingerprint(certificate, expected_) == FingerprintCheck::match) return true;
        std::uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        if (certificate != nullptr) X509_digest(certificate, EVP_sha256(), digest, &length);
        verify_error_ = "the peer's certificate does not match the fingerprint of its description; it has sha-256 " +
                        hex_colons({digest, length});
        return false;
    }

private:
    void advance() {
        ERR_clear_error();
        int const result = SSL_do_handshake(ssl_.get());
        if (result == 1) {
            finish();
            return;
        }
        int const why = SSL_get_error(ssl_.get(), result);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            fail(!verify_error_.empty() ? verify_error_ : "DTLS handshake: " + take_openssl_error());
        ERR_clear_error();
    }

    void finish() {
        const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl_.get());
        if (profile == nullptr) {
            SSL_shutdown(ssl_.get());
            fail("the peer has no SRTP profile in common with this server");
            return;
        }
        if (!export_keys(static_cast<SrtpProfile>(profile->id))) {
            fail("cannot export SRTP keys: " + take_openssl_error());
            return;
        }
        state_ = State::connected;
    }

    // RFC 5764 section 4.2: client key, server key, client salt, server salt.
    bool export_keys(SrtpProfile profile) {
        constexpr std::string_view label = "EXTRACTOR-dtls_srtp";
        std::size_t const key = 16;
        std::size_t const salt = profile == SrtpProfile::aead_aes_128_gcm ? 12 : 14;
        std::array<std::uint8_t, 60> material{};
        if (SSL_export_keying_material(ssl_.get(), material.data(), 2 * (key + salt), label.data(), label.size(), nullptr, 0,
                                       0) != 1)
            return false;
        std::size_t const client = 0;
        std::size_t const server = 1;
        std::size_t const local = role_ == Role::server ? server : client;
        std::size_t const remote = 1 - local;
        SrtpKeys& keys = keys_.emplace();
        keys.profile = profile;
        std::memcpy(keys.local_key.data(), &material[local * key], key);
        std::memcpy(keys.remote_key.data(), &material[remote * key], key);
        std::memcpy(keys.local_salt.data(), &material[2 * key + local * salt], salt);
        std::memcpy(keys.remote_salt.data(), &material[2 * key + remote * salt], salt);
        OPENSSL_cleanse(material.data(), material.size());
        return true;
    }

    void read_data() {
        std::array<std::uint8_t, 16'384> buffer;
        while (state_ == State::connected) {
            ERR_clear_error();
            int const read = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
            if (read > 0) {
                if (on_data_) on_data_({buffer.data(), static_cast<std::size_t>(read)});
                continue;
            }
            int const why = SSL_get_error(ssl_.get(), read);
            if (why == SSL_ERROR_ZERO_RETURN) {
                SSL_shutdown(ssl_.get());
                state_ = State::closed;
            } else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
                fail("DTLS connection: " + take_openssl_error());
            }
            break;
        }
        ERR_clear_error();
    }

    void push_output(ByteView datagram) {
        if (outputs_.size() >= max_outputs) {
            ++counters_.outputs_dropped;
            return;
        }
        ++counters_.datagrams_sent;
        outputs_.emplace_back(datagram.begin(), datagram.end());
    }

    void fail(std::string why) {
        state_ = State::failed;
        error_ = std::move(why);
        keys_.reset();
    }

    std::shared_ptr<void> keep_alive_;
    Role role_;
    Fingerprints expected_;
    DatagramPort port_;
    SslPtr ssl_;  // null only when failed or released; destroyed before the port that it points to
    State state_ = State::connecting;
    std::deque<std::vector<std::uint8_t>> outputs_;
    std::optional<SrtpKeys> keys_;
    std::string error_;
    std::string verify_error_;
    EndpointCounters counters_;
    std::function<void(ByteView)> on_data_;
};

}  // namespace

std::unique_ptr<Engine> make_openssl_engine(const std::shared_ptr<void>& keep_alive, BIO_METHOD* bio_method,
                                            SSL_CTX* ssl_ctx, Role role, Fingerprints expected, std::size_t mtu) {
    return std::make_unique<OpensslEngine>(keep_alive, bio_method, ssl_ctx, role, std::move(expected), mtu);
}

int verify_peer_certificate(X509_STORE_CTX* store, void*) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* engine = static_cast<OpensslEngine*>(SSL_get_app_data(ssl));
    if (engine != nullptr && engine->accept_certificate(X509_STORE_CTX_get0_cert(store))) return 1;
    // Becomes the alert bad_certificate (RFC 8122 section 6.2).
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

}  // namespace sluice::dtls
