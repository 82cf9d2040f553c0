#include "controlplane/dtls/certificate.hpp"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "controlplane/dtls/fingerprint.hpp"
#include "controlplane/dtls/openssl_ptr.hpp"
#include "dataplane/base/byteorder.hpp"

namespace sluice::dtls {
namespace {

constexpr std::uint32_t blob_version = 1;

void append_u32(std::vector<std::uint8_t>& out, std::uint32_t value) {
    be32 const wire{value};
    ByteView const bytes = bytes_of(wire);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

// Takes a length-prefixed part off the front.
bool take_part(ByteView& in, ByteView& part) {
    if (in.size() < 4) return false;
    std::size_t const length = load<be32>(in.data()).value();
    if (in.size() - 4 < length) return false;
    part = in.subspan(4, length);
    in = in.subspan(4 + length);
    return true;
}

constexpr std::int64_t day = 86'400;

std::int64_t unix_of(const ASN1_TIME* time) {
    std::tm broken_down{};
    return ASN1_TIME_to_tm(time, &broken_down) == 1 ? timegm(&broken_down) : 0;
}

bool fill(X509* x509, EVP_PKEY* key, std::int64_t now_unix, std::uint32_t days) {
    // 127 bits: positive, and unlike any other of ours.
    std::uint8_t serial[16];
    if (RAND_bytes(serial, sizeof serial) != 1) return false;
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
    BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
    bool const has_serial = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != nullptr;
    BN_free(number);
    if (!has_serial) return false;

    auto now = static_cast<std::time_t>(now_unix);
    X509_NAME* name = X509_get_subject_name(x509);
    // The name that browsers use too, so that it tells nothing.
    const auto* common_name = reinterpret_cast<const unsigned char*>("WebRTC");
    return X509_set_version(x509, 2) == 1 && X509_time_adj_ex(X509_getm_notBefore(x509), -1, 0, &now) != nullptr &&
           X509_time_adj_ex(X509_getm_notAfter(x509), static_cast<int>(days), 0, &now) != nullptr &&
           X509_set_pubkey(x509, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, name) == 1 && X509_sign(x509, key, EVP_sha256()) > 0;
}

}  // namespace

Certificate::Certificate(std::shared_ptr<x509_st> x509, std::shared_ptr<evp_pkey_st> key)
    : x509_(std::move(x509)), key_(std::move(key)) {}

std::expected<Certificate, Error> Certificate::generate(std::int64_t now_unix, std::uint32_t days) {
    std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    std::shared_ptr<X509> x509(X509_new(), X509_free);
    if (!key || !x509 || !fill(x509.get(), key.get(), now_unix, days))
        return std::unexpected(Error{"cannot make a DTLS certificate: " + take_openssl_error()});
    return Certificate(std::move(x509), std::move(key));
}

std::string Certificate::fingerprint_sha256() const {
    std::uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    X509_digest(x509_.get(), EVP_sha256(), digest, &length);
    return hex_colons({digest, length});
}

std::int64_t Certificate::not_after_unix() const {
    return unix_of(X509_get0_notAfter(x509_.get()));
}

std::int64_t Certificate::made_unix() const {
    return unix_of(X509_get0_notBefore(x509_.get())) + day;
}

bool Certificate::due(std::int64_t now_unix, std::uint32_t days) const {
    const std::int64_t lifetime = std::min(not_after_unix() - made_unix(), std::int64_t{days} * day);
    return now_unix >= made_unix() + lifetime * 9 / 10;
}

std::vector<std::uint8_t> Certificate::serialize() const {
    unsigned char* certificate_der = nullptr;
    int const certificate_length = i2d_X509(x509_.get(), &certificate_der);
    unsigned char* key_der = nullptr;
    PKCS8_PRIV_KEY_INFO* pkcs8 = EVP_PKEY2PKCS8(key_.get());
    int const key_length = pkcs8 != nullptr ? i2d_PKCS8_PRIV_KEY_INFO(pkcs8, &key_der) : 0;
    PKCS8_PRIV_KEY_INFO_free(pkcs8);

    std::vector<std::uint8_t> out;
    if (certificate_length > 0 && key_length > 0) {
        // In one allocation, so that growth leaves no copy of the key behind.
        out.reserve(12 + static_cast<std::size_t>(certificate_length) + static_cast<std::size_t>(key_length));
        append_u32(out, blob_version);
        append_u32(out, static_cast<std::uint32_t>(certificate_length));
        out.insert(out.end(), certificate_der, certificate_der + certificate_length);
        append_u32(out, static_cast<std::uint32_t>(key_length));
        out.insert(out.end(), key_der, key_der + key_length);
    }
    OPENSSL_free(certificate_der);
    OPENSSL_clear_free(key_der, key_length > 0 ? static_cast<std::size_t>(key_length) : 0);
    return out;
}

std::expected<Certificate, Error> Certificate::deserialize(ByteView blob) {
    auto refuse = [](std::string why) { return std::unexpected(Error{"stored DTLS certificate: " + std::move(why)}); };
    if (blob.size() < 4) return refuse("truncated");
    if (std::uint32_t const version = load<be32>(blob.data()).value(); version != blob_version)
        return refuse("unknown version " + std::to_string(version));
    blob = blob.subspan(4);
    ByteView certificate_der;
    ByteView key_der;
    if (!take_part(blob, certificate_der) || !take_part(blob, key_der)) return refuse("truncated");
    if (!blob.empty()) return refuse("trailing bytes");

    const unsigned char* at = certificate_der.data();
    std::shared_ptr<X509> x509(d2i_X509(nullptr, &at, static_cast<long>(certificate_der.size())), X509_free);
    if (!x509 || at != certificate_der.data() + certificate_der.size())
        return refuse("no certificate: " + take_openssl_error());
    at = key_der.data();
    std::shared_ptr<EVP_PKEY> key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(key_der.size())), EVP_PKEY_free);
    if (!key || at != key_der.data() + key_der.size()) return refuse("no key: " + take_openssl_error());
    if (X509_check_private_key(x509.get(), key.get()) != 1)
        return refuse("the key is not the certificate's: " + take_openssl_error());
    ERR_clear_error();
    return Certificate(std::move(x509), std::move(key));
}

}  // namespace sluice::dtls
