#include "controlplane/dtls/remnant.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstring>
#include <string_view>
#include <utility>

#include "controlplane/dtls/openssl_ptr.hpp"
#include "controlplane/dtls/record.hpp"
#include "dataplane/base/byteorder.hpp"

namespace sluice::dtls {
namespace {

constexpr std::size_t tag_size = 16;
constexpr std::size_t alert_size = 2;
constexpr std::size_t nonce_size = 12;
constexpr std::uint8_t fatal = 2;
constexpr std::uint8_t close_notify = 0;

using Suite = Remnant::Suite;

struct SuiteShape {
    const EVP_CIPHER* cipher;
    const char* digest;
    std::size_t key;
    std::size_t iv;              // of the key block
    std::size_t explicit_nonce;  // in front of the ciphertext
};

SuiteShape shape_of(Suite suite) noexcept {
    switch (suite) {
        case Suite::aes_128_gcm_sha256: return {EVP_aes_128_gcm(), "SHA256", 16, 4, 8};               // RFC 5288
        case Suite::aes_256_gcm_sha384: return {EVP_aes_256_gcm(), "SHA384", 32, 4, 8};               // RFC 5289
        case Suite::chacha20_poly1305_sha256: return {EVP_chacha20_poly1305(), "SHA256", 32, 12, 0};  // RFC 7905
        case Suite::none: break;
    }
    return {nullptr, nullptr, 0, 0, 0};
}

struct RecordKey {
    std::array<std::uint8_t, 32> key{};
    std::array<std::uint8_t, 12> iv{};
    RecordKey() = default;
    RecordKey(const RecordKey&) = delete;
    RecordKey& operator=(const RecordKey&) = delete;
    ~RecordKey() {
        OPENSSL_cleanse(key.data(), key.size());
        OPENSSL_cleanse(iv.data(), iv.size());
    }
};

// What the peer seals with: RFC 5246 section 6.3, without MAC keys as all suites are AEADs.
bool derive(const Remnant::Secret& secret, const SuiteShape& shape, RecordKey& out) {
    std::unique_ptr<EVP_KDF, Free<EVP_KDF_free>> const kdf(EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr));
    std::unique_ptr<EVP_KDF_CTX, Free<EVP_KDF_CTX_free>> const ctx(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
    constexpr std::string_view label = "key expansion";
    std::array<std::uint8_t, label.size() + 64> seed{};
    std::memcpy(seed.data(), label.data(), label.size());
    std::memcpy(&seed[label.size()], secret.server_random.data(), 32);
    std::memcpy(&seed[label.size() + 32], secret.client_random.data(), 32);
    auto master = secret.master;
    const std::array<OSSL_PARAM, 4> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(shape.digest), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.data(), master.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed.data(), seed.size()), OSSL_PARAM_construct_end()};
    std::array<std::uint8_t, 2 * (32 + 12)> block{};
    const bool ok = ctx && EVP_KDF_derive(ctx.get(), block.data(), 2 * (shape.key + shape.iv), parameters.data()) == 1;
    // Client key, server key, client IV, server IV; the peer is the client where we are the server.
    const std::size_t peer = secret.server ? 0 : 1;
    std::memcpy(out.key.data(), &block[peer * shape.key], shape.key);
    std::memcpy(out.iv.data(), &block[2 * shape.key + peer * shape.iv], shape.iv);
    OPENSSL_cleanse(master.data(), master.size());
    OPENSSL_cleanse(block.data(), block.size());
    return ok;
}

}  // namespace

Remnant::Secret::~Secret() {
    OPENSSL_cleanse(master.data(), master.size());
}

Remnant::Remnant(const Secret& secret, std::vector<std::uint8_t> farewell)
    : secret_(std::make_unique<const Secret>(secret)), farewell_(std::move(farewell)) {}

Remnant::Says Remnant::read(ByteView datagram) const {
    Says says = Says::nothing;
    ByteView rest = datagram.first(well_formed_prefix(datagram));
    while (!rest.empty()) {
        const std::size_t size = record_header + load<be16>(rest.data() + 11).value();
        const ByteView record = rest.first(size);
        rest = rest.subspan(size);
        if (record[0] == content_handshake || record[0] == content_change_cipher_spec) says = Says::repeats_its_flight;
        if (record[0] == content_alert && ends(record)) return Says::closed;
    }
    return says;
}

bool Remnant::ends(ByteView record) const {
    if (!secret_ || load<be16>(record.data() + 3).value() != 1) return false;  // the epoch after the handshake
    const SuiteShape shape = shape_of(secret_->suite);
    if (shape.cipher == nullptr || record.size() != record_header + shape.explicit_nonce + alert_size + tag_size)
        return false;
    RecordKey key;
    if (!derive(*secret_, shape, key)) return false;

    std::array<std::uint8_t, nonce_size> nonce = key.iv;
    if (shape.explicit_nonce != 0)
        std::memcpy(&nonce[shape.iv], record.data() + record_header, shape.explicit_nonce);
    else  // RFC 7905 section 2: the epoch and sequence number, over the last eight bytes
        for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] ^= record[3 + i];
    // RFC 6347 section 4.1.2.1: epoch and sequence number, type, version, length of the plaintext.
    std::array<std::uint8_t, 13> aad{};
    std::memcpy(aad.data(), record.data() + 3, 8);
    std::memcpy(&aad[8], record.data(), 3);
    aad[12] = alert_size;

    const std::uint8_t* sealed = record.data() + record_header + shape.explicit_nonce;
    std::array<std::uint8_t, tag_size> tag{};
    std::memcpy(tag.data(), sealed + alert_size, tag_size);
    std::array<std::uint8_t, alert_size> plain{};
    std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>> const ctx(EVP_CIPHER_CTX_new());
    int length = 0;
    const bool opened = ctx && EVP_DecryptInit_ex(ctx.get(), shape.cipher, nullptr, key.key.data(), nonce.data()) == 1 &&
                        EVP_DecryptUpdate(ctx.get(), nullptr, &length, aad.data(), static_cast<int>(aad.size())) == 1 &&
                        EVP_DecryptUpdate(ctx.get(), plain.data(), &length, sealed, alert_size) == 1 &&
                        EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) == 1 &&
                        EVP_DecryptFinal_ex(ctx.get(), plain.data() + length, &length) == 1;
    ERR_clear_error();
    return opened && (plain[0] == fatal || plain[1] == close_notify);
}

}  // namespace sluice::dtls
